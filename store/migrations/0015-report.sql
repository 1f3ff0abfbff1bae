-- What key figures are counted from: one row for each stop that has come to an end, one way or another.
--
--   day               of the observed arrival, else of the proof, the end of the window or the route's begin: a day of the
--                     fleet's time zone
--   on_time           arrived no later than the end of its window; null: no window, or a proof without an observed arrival
--   promise_kept      arrived no later than promised; null: nothing promised, or no observed arrival either
--   first_attempt     the first proof of delivery says delivered; a stop driven past is an attempt that failed; null: no attempt
--   served            somebody arrived, or a proof says that it was delivered
--   link_views        how often its tracking links were opened; null: it had none
--
-- Arrivals are the observed ones. Depots are no stops of anybody who waits; removed stops and cancelled routes never were.
create view stop_outcome as
select
  s.fleet_id,
  s.stop_id,
  s.route_id,
  r.driver_id,
  r.vehicle_id,
  (coalesce(ss.arrived_at, proof.first_at, s.window_end, r.starts_at, s.created_at) at time zone f.time_zone)::date as day,
  coalesce(ss.arrived_at <= s.window_end, case when ss.status = 'missed' and s.window_end is not null then false end)
    as on_time,
  coalesce(ss.arrived_at <= s.promised_by, case when ss.status = 'missed' and s.promised_by is not null then false end)
    as promise_kept,
  coalesce(proof.first_outcome = 'delivered', case when ss.status = 'missed' then false end) as first_attempt,
  ss.arrived_at is not null or coalesce(proof.delivered, false) as served,
  links.views as link_views
from stop s
join fleet f on f.fleet_id = s.fleet_id
join route r on r.route_id = s.route_id
left join stop_state ss on ss.stop_id = s.stop_id
left join lateral (
  select
    min(p.device_time) as first_at,
    (array_agg(p.outcome order by p.pod_id))[1] as first_outcome,
    bool_or(p.outcome = 'delivered') as delivered
  from pod p
  where p.stop_id = s.stop_id
) proof on true
left join lateral (select sum(l.views)::bigint as views from tracking_link l where l.stop_id = s.stop_id) links on true
where s.kind <> 'depot'
  and s.status = 'planned'
  and r.status = 'planned'
  and (ss.arrived_at is not null or ss.status = 'missed' or proof.first_outcome is not null);
