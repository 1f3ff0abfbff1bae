import { expect, test } from "vitest";
import { plainEstimator, planOf, RouteDrive, START_MS, stopAt } from "./route-fixture.ts";
import { foldRoute, outputsInitial } from "./route-fold.ts";
import { type RouteFold, routeInitial, visitsThatCount } from "./route-state.ts";

const three = [stopAt("11", 2_000), stopAt("12", 4_000), stopAt("13", 6_000)];

/** Drives to a stop, stands there for two minutes and leaves. */
function visit(drive: RouteDrive, geofenceId: number, fromS: number, fromM: number, toM: number): number {
  const arrivesS = fromS + 10 * Math.ceil(Math.abs(toM - fromM) / 100);
  drive.drive(fromS, arrivesS, fromM, toM);
  drive.crossing("entered", geofenceId, arrivesS - 5);
  drive.stand(arrivesS + 10, arrivesS + 120, toM);
  drive.drive(arrivesS + 130, arrivesS + 170, toM + 50, toM + 450);
  drive.crossing("exited", geofenceId, arrivesS + 133);
  return arrivesS + 170;
}

test("a day as planned tells of every stop once, in order", () => {
  const drive = new RouteDrive(planOf(three));
  drive.stand(-60, 0, 0);
  let second = visit(drive, 11, 10, 0, 2_000);
  second = visit(drive, 12, second, 2_450, 4_000);
  visit(drive, 13, second, 4_450, 6_000);
  expect(drive.told().filter((line) => !line.startsWith("eta"))).toEqual([
    "route.started 40",
    "stop.en_route 11 40",
    "stop.approaching 11 40",
    "stop.arrived 11 205",
    "stop.departed 11 343",
    "stop.en_route 12 380",
    "stop.approaching 12 380",
    "stop.arrived 12 535",
    "stop.departed 12 673",
    "stop.en_route 13 710",
    "stop.approaching 13 710",
    "stop.arrived 13 865",
    "stop.departed 13 1003",
    "route.completed 1003",
  ]);
  expect(drive.fold.state.status).toBe("completed");
});

test("a van that passes through the circle of a later stop does not reach it, one that stands there does", () => {
  const drive = new RouteDrive(planOf([three[1]!, three[0]!, three[2]!]));
  drive.drive(0, 190, 0, 1_900);
  drive.crossing("entered", 11, 192);
  drive.drive(200, 210, 2_000, 2_100);
  drive.crossing("exited", 11, 208);
  const second = visit(drive, 12, 220, 2_150, 4_000);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 12 405"]);
  expect(drive.status("11")).toBe("approaching");
  visit(drive, 13, second, 4_450, 6_000);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 12 405", "stop.arrived 13 735"]);
  expect(drive.status("11")).toBe("approaching");
});

test("a red light in the circle of the stop after next is no visit", () => {
  const drive = new RouteDrive(planOf([three[1]!, three[0]!]));
  drive.drive(0, 190, 0, 1_900);
  drive.crossing("entered", 11, 192);
  drive.stand(200, 260, 1_980);
  drive.drive(270, 280, 2_050, 2_150);
  drive.crossing("exited", 11, 272);
  drive.drive(290, 300, 2_200, 2_300);
  expect(drive.told("stop.arrived")).toEqual([]);
});

test("the time until an exit is sure is no part of a stay: who was inside for 40 s has not been there for long", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 190, 0, 1_900);
  drive.crossing("entered", 11, 191);
  drive.drive(200, 260, 1_940, 2_300);
  drive.crossing("exited", 11, 231, { receivedAtMs: START_MS + 270_000 });
  drive.drive(270, 300, 2_360, 2_600);
  expect(drive.told("stop.arrived")).toEqual([]);
});

test("two neighbours whose circles overlap are reached one after the other", () => {
  const drive = new RouteDrive(planOf([stopAt("11", 2_000), stopAt("12", 2_070), stopAt("13", 6_000)]));
  drive.drive(0, 200, 0, 2_000);
  drive.crossing("entered", 11, 195);
  drive.crossing("entered", 12, 200);
  drive.stand(210, 400, 2_000);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195"]);
  drive.fix(410, 2_070, { speedMps: 7 });
  drive.stand(420, 700, 2_072);
  drive.drive(710, 750, 2_100, 2_500);
  drive.crossing("exited", 11, 713);
  drive.crossing("exited", 12, 720);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195", "stop.arrived 12 420"]);
  expect(drive.told("stop.departed")).toEqual(["stop.departed 11 400", "stop.departed 12 720"]);
});

test("who stands at a stop does not reach the one 32 m further by it, who moves up there does", () => {
  const drive = new RouteDrive(planOf([stopAt("11", 2_000), stopAt("12", 2_032), stopAt("13", 6_000)]));
  drive.drive(0, 200, 0, 2_000);
  drive.crossing("entered", 11, 193);
  drive.crossing("entered", 12, 196);
  drive.stand(210, 400, 2_010);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 193"]);
  drive.stand(410, 600, 2_036);
  drive.drive(610, 650, 2_100, 2_500);
  drive.crossing("exited", 11, 613);
  drive.crossing("exited", 12, 620);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 193", "stop.arrived 12 420"]);
  expect(drive.told("stop.departed")).toEqual(["stop.departed 11 410", "stop.departed 12 620"]);
});

test.each(["passed too quickly to be seen served", "in a silence"])(
  "a stop that may have been served %s does not make the next one wait longer",
  (how) => {
    const drive = new RouteDrive(planOf(three));
    drive.drive(0, 190, 0, 1_900);
    if (how !== "in a silence") {
      drive.crossing("entered", 11, 193);
      drive.crossing("exited", 11, 208);
      drive.drive(210, 640, 2_100, 3_900);
    }
    drive.crossing("entered", 12, 640);
    drive.stand(650, 700, 4_000);
    drive.drive(710, 750, 4_100, 4_500);
    drive.crossing("exited", 12, 706);
    expect(drive.told("stop.arrived")).toEqual(["stop.arrived 12 640"]);
  },
);

test("two stops at one place are reached and left together", () => {
  const drive = new RouteDrive(planOf([stopAt("11", 2_000), stopAt("12", 2_005), stopAt("13", 6_000)]));
  drive.drive(0, 200, 0, 2_000);
  drive.crossing("entered", 11, 195);
  drive.crossing("entered", 12, 195);
  drive.stand(210, 500, 2_000);
  drive.drive(510, 550, 2_050, 2_450);
  drive.crossing("exited", 11, 512);
  drive.crossing("exited", 12, 512);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195", "stop.arrived 12 195"]);
  expect(drive.told("stop.departed")).toEqual(["stop.departed 11 512", "stop.departed 12 512"]);
});

test("late data move, withdraw and add visits as history, and never as news", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 200, 0, 2_000);
  const entered = drive.crossing("entered", 11, 200);
  drive.stand(210, 400, 2_000);
  drive.drive(410, 460, 2_100, 2_600);
  const exited = drive.crossing("exited", 11, 405);
  drive.crossing("entered", 11, 190, { supersedes: entered, replayed: true, eventId: "earlier" });
  drive.crossing("exited", 11, 395, { supersedes: exited, replayed: true });
  drive.crossing("entered", 12, 430, { replayed: true });
  drive.crossing("exited", 12, 500, { replayed: true });
  drive.crossing("entered", 11, 190, { supersedes: "earlier", replayed: true, withdrawn: true });
  expect(drive.told("stop.").filter((line) => !/en_route|approaching/.test(line))).toEqual([
    "stop.arrived 11 200",
    "stop.departed 11 405",
    "stop.arrived 11 190 late again",
    "stop.departed 11 395 late again",
    "stop.arrived 12 430 late",
    "stop.departed 12 500 late",
    "stop.arrived 11 190 late not again",
    "stop.departed 11 395 late not again",
  ]);
  expect(drive.status("11")).not.toBe("departed");
  expect(drive.status("12")).toBe("departed");
});

test("what is uploaded in order but long after it happened is told as history", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 100, 0, 1_000);
  const receivedAtMs = START_MS + 4_000_000;
  for (let second = 110; second <= 400; second += 10) {
    drive.fix(second, Math.min(2_000, second * 10), { receivedAtMs, speedMps: second < 200 ? 10 : 0 });
  }
  drive.crossing("entered", 11, 195, { receivedAtMs });
  drive.fix(1_000, 2_900, { receivedAtMs, speedMps: 10 });
  drive.crossing("exited", 11, 410, { receivedAtMs });
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195 late"]);
  expect(drive.told("stop.departed")).toEqual(["stop.departed 11 410 late"]);
});

test("a stop is missed when the route ends without it, and a visit that comes to light later replaces that", () => {
  const drive = new RouteDrive(planOf([...three, stopAt("14", 0, { kind: "depot" })]));
  let second = visit(drive, 11, 0, 0, 2_000);
  second = visit(drive, 13, second, 2_450, 6_000);
  second = visit(drive, 14, second, 6_450, 0);
  drive.stand(second, second + 10, 60);
  drive.crossing("entered", 14, second);
  drive.stand(second + 20, second + 2_000, 10);
  expect(drive.told("stop.missed")).toHaveLength(1);
  expect(drive.told("route.completed")).toHaveLength(1);
  expect(drive.status("12")).toBe("missed");
  drive.crossing("entered", 12, 450, { replayed: true });
  drive.crossing("exited", 12, 550, { replayed: true });
  expect(drive.told("stop.arrived").at(-1)).toBe("stop.arrived 12 450 late again");
  expect(drive.status("12")).toBe("departed");
});

test("stops are missed when three later ones are served after their window, or their window is long gone", () => {
  const windowEndMs = START_MS + 600_000;
  const stops = [11, 12, 13, 14, 15].map((id, n) =>
    stopAt(String(id), (n + 1) * 1_000, n === 0 ? { windowEndMs } : {}),
  );
  const drive = new RouteDrive(planOf(stops));
  let second = 0;
  for (const [n, id] of [12, 13, 14].entries()) second = visit(drive, id, second, 1_000 * n + 450, 1_000 * n + 2_000);
  drive.stand(second + 10, second + 10, 4_450);
  expect(drive.status("11")).not.toBe("missed");
  drive.stand(1_510, 1_520, 4_450);
  expect(drive.status("11")).toBe("missed");
  expect(drive.outputs.events.find(({ type }) => type === "stop.missed")?.data.rule).toBe("passed_over");
  const idle = new RouteDrive(planOf(stops));
  idle.clock(600 + 4 * 3600 + 1);
  expect(idle.outputs.events.find(({ type }) => type === "stop.missed")?.data.rule).toBe("window_gone");
});

test("stops come, go and change places while driving, and another vehicle takes over", () => {
  const drive = new RouteDrive(planOf(three));
  const second = visit(drive, 11, 0, 0, 2_000);
  drive.plan(planOf([three[0]!, three[2]!, stopAt("15", 8_000)]), second);
  expect(drive.status("12")).toBe("cancelled");
  drive.fix(second + 10, 2_600, { speedMps: 10 });
  expect(drive.status("13")).toBe("approaching");
  expect(drive.fold.state.stops["15"]?.eta).not.toBeNull();
  drive.plan(planOf([three[0]!, stopAt("15", 8_000), three[2]!], { vehicleId: 2 }), second + 20);
  expect(drive.fold.state.position).toBeNull();
  drive.fix(second + 30, 7_000, { deviceId: 2, speedMps: 10 });
  expect(drive.status("15")).toBe("approaching");
  expect(drive.status("13")).toBe("planned");
  drive.plan(planOf(three, { status: "cancelled" }), second + 60);
  expect(drive.fold.state.status).toBe("cancelled");
  expect(drive.status("13")).toBe("cancelled");
  expect(drive.status("11")).toBe("departed");
});

test("a promise that can't be kept is told once for every time that it comes to be so", () => {
  const promisedByMs = START_MS + 600_000;
  const drive = new RouteDrive(planOf([stopAt("11", 2_000), stopAt("12", 4_000, { promisedByMs })]));
  drive.drive(0, 100, 0, 1_000);
  expect(drive.told("stop.at_risk")).toEqual([]);
  drive.stand(110, 1_000, 1_000);
  expect(drive.told("stop.at_risk")).toHaveLength(1);
  expect(drive.fold.state.stops["12"]?.atRisk).toBe(true);
  const changes = drive.outputs.events.filter(({ type, data }) => type === "eta.changed" && data.stopId === "12");
  expect(changes.length).toBeGreaterThan(0);
  expect(changes.length).toBeLessThan(10);
});

test("a vehicle that falls silent has ETAs that widen and say so", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 100, 0, 1_000);
  const before = drive.fold.state.stops["13"]!.eta!;
  for (let second = 160; second <= 600; second += 60) drive.clock(second);
  const after = drive.fold.state.stops["13"]!.eta!;
  expect(before.basis).toBe("live");
  expect(after.basis).toBe("degraded");
  expect(after.reason).toBe("data gap");
  expect(after.p90Ms - after.p10Ms).toBeGreaterThan(before.p90Ms - before.p10Ms);
});

test("a driver who comes back soon continues the visit, one who comes back later makes another", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 200, 0, 2_000);
  drive.crossing("entered", 11, 195);
  drive.stand(210, 300, 2_000);
  drive.crossing("exited", 11, 305);
  drive.crossing("entered", 11, 350);
  drive.stand(360, 500, 2_000);
  drive.crossing("exited", 11, 505);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195"]);
  expect(drive.told("stop.departed")).toEqual(["stop.departed 11 305", "stop.departed 11 505 again"]);
  drive.drive(510, 700, 2_000, 3_000);
  drive.drive(710, 900, 3_000, 2_000);
  drive.crossing("entered", 11, 895);
  drive.stand(910, 1_100, 2_000);
  drive.crossing("exited", 11, 1_105);
  expect(drive.told("stop.arrived")).toEqual(["stop.arrived 11 195", "stop.arrived 11 895"]);
});

test("a stop that failed and is planned again is driven to again, and its second visit is the one that is shown", () => {
  const drive = new RouteDrive(planOf(three));
  const left = visit(drive, 11, 0, 0, 2_000);
  expect(drive.status("11")).toBe("departed");
  const again = { ...three[0]!, failedAtMs: START_MS + (left - 30) * 1_000 };
  drive.plan(planOf([three[1]!, three[2]!, again]), left + 5);
  expect(drive.status("11")).toBe("planned");
  drive.fix(left + 10, 2_100, { speedMps: 10 });
  expect(drive.fold.state.stops["11"]?.eta).not.toBeNull();
  // A smaller change of the plan does not begin anew.
  drive.plan(planOf([again, three[1]!, three[2]!]), left + 20);
  const back = visit(drive, 11, left + 600, 3_000, 2_000);
  expect(drive.status("11")).toBe("departed");
  drive.plan(planOf([again, three[1]!, three[2]!]), back + 10);
  expect(drive.status("11")).toBe("departed");
  expect(drive.told("stop.arrived")).toHaveLength(2);
  expect(visitsThatCount(drive.fold.state.stops["11"]!)).toHaveLength(1);
});

test("a stop that failed while the vehicle stands there is expected again once it has left", () => {
  const drive = new RouteDrive(planOf(three));
  drive.drive(0, 200, 0, 2_000);
  drive.crossing("entered", 11, 195);
  drive.stand(210, 300, 2_000);
  expect(drive.status("11")).toBe("arrived");
  drive.plan(planOf([three[1]!, three[2]!, { ...three[0]!, failedAtMs: START_MS + 290_000 }]), 300);
  expect(drive.status("11")).toBe("arrived");
  drive.drive(310, 400, 2_000, 3_000);
  drive.crossing("exited", 11, 320);
  expect(drive.status("11")).toBe("planned");
});

test("the state is plain JSON: a fold that stops anywhere and goes on gives the same", () => {
  const drive = new RouteDrive(planOf(three));
  let second = visit(drive, 11, 10, 0, 2_000);
  second = visit(drive, 12, second, 2_450, 4_000);
  visit(drive, 13, second, 4_450, 6_000);
  const context = { routeId: "1", priorityOf: () => 1, estimator: plainEstimator };
  const outputs = outputsInitial();
  let fold: RouteFold = routeInitial(0);
  for (const input of drive.inputs) {
    fold = JSON.parse(JSON.stringify(foldRoute(fold, input, context, outputs))) as RouteFold;
  }
  expect(outputs).toEqual(drive.outputs);
  expect(fold).toEqual(drive.fold);
  expect(new Set(outputs.events.map(({ eventId }) => eventId)).size).toBe(outputs.events.length);
});
