-- Late fixes are matched with those around them, and what was driven there is told again: such a segment names the time in
-- which it and the others of its frame take the place of all that was said before. Nothing is overwritten.
alter table path
  add column revised_from timestamptz,
  add column revised_to timestamptz;
