import { expect, it } from "vitest";
import { BegunFrames } from "./begun-frames.ts";

const holder = (gone: string[], name: string) => ({ crowdedOut: () => void gone.push(name) });

it("lets those go that began first, as many as it takes", () => {
  const gone: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => holder(gone, name));
  const begun = new BegunFrames(100);
  begun.hold(a!, 40);
  begun.hold(b!, 40);
  begun.hold(a!, 60);
  expect({ gone, bytes: begun.bytes }).toEqual({ gone: [], bytes: 100 });
  begun.hold(c!, 90);
  expect({ gone, bytes: begun.bytes }).toEqual({ gone: ["a", "b"], bytes: 90 });
});

it("forgets a frame that is complete, and counts one that grows once", () => {
  const gone: string[] = [];
  const begun = new BegunFrames(100);
  const [a, b] = ["a", "b"].map((name) => holder(gone, name));
  begun.hold(a!, 50);
  begun.hold(a!, 70);
  begun.release(a!);
  begun.release(a!);
  begun.hold(b!, 100);
  expect({ gone, bytes: begun.bytes }).toEqual({ gone: [], bytes: 100 });
});
