import { TEST_NOW_MS, type TestApi } from "../testing.ts";

/** For tests: a driver with a vehicle, a route of today and a link, made as a fleet makes them. */
export type DriverDayFixture = {
  driverId: string;
  vehicleId: string;
  routeId: string;
  stopIds: string[];
  token: string;
  linkId: string;
};

const HOUR_MS = 3_600_000;

export async function storeDriverDay(
  api: TestApi,
  secret: string,
  options: { policy?: object; nowMs?: number } = {},
): Promise<DriverDayFixture> {
  const { policy = {}, nowMs = TEST_NOW_MS } = options;
  const post = async (url: string, body: object) => {
    const answer = await api.call(secret, "POST", url, body);
    if (answer.statusCode !== 201) throw new Error(`${url} answers ${answer.statusCode}: ${answer.body}`);
    return answer.json();
  };
  const timeOf = (hours: number) => new Date(nowMs + hours * HOUR_MS).toISOString();
  const vehicle = await post("/v1/vehicles", { kind: "van", name: "Van 1" });
  const driver = await post("/v1/drivers", { givenName: "Ana", familyName: "Sousa" });
  const contact = { name: "M. Berg", phone: "+46 31 123 45", email: "berg@example.org" };
  const route = await post("/v1/routes", {
    ...{
      name: "Morning",
      vehicle: Number(vehicle.id),
      driver: Number(driver.id),
      startsAt: timeOf(-1),
      endsAt: timeOf(5),
    },
    stops: [
      {
        ...{ lat: 57.7, lon: 11.97, address: "Kungsgatan 1", contact, notes: "Ring twice", policy },
        ...{ windowStart: timeOf(0), windowEnd: timeOf(1), timeZone: "Europe/Stockholm" },
      },
      {
        lat: 57.71,
        lon: 11.98,
        address: "Storgatan 2",
        contact: { name: "L. Ek" },
        windowStart: timeOf(1),
        windowEnd: timeOf(2),
      },
    ],
  });
  const link = await post(`/v1/drivers/${driver.id}/links`, {});
  return {
    ...{ driverId: driver.id, vehicleId: vehicle.id, routeId: route.id, token: link.token, linkId: link.id },
    stopIds: route.stops.map(({ id }: { id: string }) => id),
  };
}
