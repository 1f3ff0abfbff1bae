#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Config, ConfigSchema, parseConfig } from "./config.ts";
import { UsageError } from "./usage-error.ts";

/**
 * The command line and composition root. Each command imports what it needs when it runs, so that `decode` starts
 * without a database driver. Exit codes: 0 done, 1 failed with a message on standard error, 2 wrong usage.
 */

// What each command imports is compiled once and kept in the folder for temporary files: 1 s instead of 3 at a start.
enableCompileCache();

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const optionName = (setting: string) => setting.toLowerCase().replaceAll("_", "-");

/** Adds an option for every setting of the schema, so that `--help` is complete. */
function withSettings(command: Command): Command {
  for (const [setting, schema] of Object.entries(ConfigSchema.properties)) {
    const {
      description,
      default: fallback,
      type,
    } = schema as { description?: string; default?: unknown; type?: string };
    const value = type === "boolean" ? "" : " <value>";
    const shown = fallback === undefined ? setting : `${setting}, default ${fallback}`;
    const short = setting === "DATA_DIR" ? "--data, " : "";
    command.addOption(new Option(`${short}--${optionName(setting)}${value}`, `${description} (${shown})`));
  }
  return command;
}

/** The configuration from options over environment; all errors are reported together. */
function configOf(command: Command): Config {
  const given = command.optsWithGlobals() as Record<string, unknown>;
  const environment: Record<string, string | undefined> = { ...process.env };
  for (const setting of Object.keys(ConfigSchema.properties)) {
    const camel = optionName(setting).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (given[camel] !== undefined) environment[setting] = String(given[camel]);
  }
  const result = parseConfig(environment);
  if (result.kind === "invalid") throw new UsageError(["Wrong configuration:", ...result.errors].join("\n  "));
  return result.config;
}

function instant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError("Expected an RFC 3339 time.");
  return date;
}

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("Expected a whole number.");
  return value;
}

const complain = (line: string) => {
  process.stderr.write(`${line}\n`);
};

const printLine = (line: string) => {
  process.stdout.write(`${line}\n`);
};

const program = new Command("telematics")
  .description("GPS telematics gateway: devices in, trustworthy positions, ETAs and delivery evidence out")
  .showHelpAfterError("(--help lists the options)")
  .exitOverride();

withSettings(program.command("serve").description("run the service: device listeners, stream and HTTP API"))
  .addOption(new Option("--roles <list>", "roles to run, separated by commas (default all: gateway,stream,api)"))
  .action(async (_options, command: Command) => {
    const { runService } = await import("./service.ts");
    await runService(configOf(command), command.opts().roles, printLine);
  });

withSettings(program.command("demo").description("the service and a simulated fleet on real streets; Ctrl-C stops all"))
  .option("--vehicles <count>", "simulated vehicles", natural, 20)
  .option("--seconds <count>", "stop by itself after this many seconds (default: run until Ctrl-C)", natural)
  .action(async (options: { vehicles: number; seconds?: number }, command: Command) => {
    const { runDemo } = await import("./demo.ts");
    await runDemo(configOf(command), options, printLine);
  });

program
  .command("decode")
  .description("decode hex frames from standard input, one line each; writes one JSON object a report")
  .argument("<protocol>", "teltonika, queclink, gt06, owntracks or osmand")
  .option("--model <model>", "device model, picks the firmware profile")
  .option("--identify <hex>", "a frame that names the device, read first on the same connection")
  .action(async (protocol: string, options: { model?: string; identify?: string }) => {
    const { decodeStandardInput } = await import("./pipes.ts");
    await decodeStandardInput(protocol, options);
  });

program
  .command("match")
  .description("match trace points (JSON lines from standard input) to roads")
  .requiredOption("--roads <file>", "road network file made by `roads build`")
  .option("--online", "answer each point at once, without looking ahead")
  .action(async (options: { roads: string; online?: boolean }) => {
    const { matchStandardInput } = await import("./pipes.ts");
    await matchStandardInput(options.roads, options.online ?? false);
  });

program
  .command("roads")
  .description("road networks")
  .command("build")
  .description("build a road network file from .osm.pbf or GeoJSON")
  .argument("<in>")
  .argument("<out>")
  .action(async (input: string, output: string) => {
    const { buildRoads } = await import("#stream/roads/build.ts");
    const report = await buildRoads(input, output);
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    const cpuMs = Math.round((userCPUTime + systemCPUTime) / 1000);
    printLine(JSON.stringify({ ...report, cpuMs, peakMemoryBytes: maxRSS * 1024 }));
  });

program
  .command("simulate")
  .description("drive simulated vehicles against a running gateway; prints a score as JSON at the end")
  .argument(
    "<scenario>",
    "drive: vehicles on streets · load: as many records as asked for · adversity: load with faults",
  )
  .requiredOption("--target <host>", "host of the gateway")
  .option("--protocol <list>", "protocols of the fleet: teltonika, queclink, gt06, owntracks, osmand", "teltonika")
  .option("--teltonika-port <port>", "Teltonika port of the gateway", natural, 5027)
  .option("--queclink-port <port>", "Queclink port of the gateway", natural, 5004)
  .option("--gt06-port <port>", "GT06 port of the gateway", natural, 5023)
  .option("--mqtt-port <port>", "MQTT port of the gateway", natural, 1883)
  .option("--osmand-port <port>", "OsmAnd port of the gateway", natural, 5055)
  .option("--udp", "Teltonika devices use UDP instead of TCP")
  .option("--vehicles <count>", "number of vehicles", natural, 20)
  .option("--seconds <count>", "how long to drive", natural, 60)
  .option("--records-per-second <count>", "offered load of all vehicles together", natural)
  .option("--records-per-packet <count>", "records in one packet", natural, 1)
  .option("--seed <number>", "seed of everything random", natural, 1)
  .option("--drain-seconds <count>", "longest wait, after driving, for the last acknowledgements", natural, 60)
  .option("--api-url <url>", "HTTP API, to register the devices and to check what was stored")
  .option("--api-key <key>", "API key")
  .option("--score", "compare positions, paths, visits and trips with the truth; needs --api-url and --api-key")
  .option("--json", "only the summary, as JSON, without the table of --score")
  .action(async (scenario: string, options) => {
    const { runSimulation } = await import("./demo.ts");
    await runSimulation(scenario, options, printLine, complain);
  });

program
  .command("verify")
  .description("check an exported archive of evidence, without a database; names the first element that fails")
  .argument("<file>", "what GET /v1/pods/{id}/evidence answered")
  .option("--head <hex>", "chain hash that the archive must end at, as the gateway knows it")
  .action(async (file: string, options: { head?: string }) => {
    const { verifyFile } = await import("./verify.ts");
    await verifyFile(file, options.head, printLine);
  });

withSettings(program.command("replay").description("decode and fold kept frames again; prints what would change"))
  .requiredOption("--from <time>", "first receive time, RFC 3339", instant)
  .requiredOption("--to <time>", "end of receive time, RFC 3339", instant)
  .option("--device <uid>", "only this device")
  .option("--apply", "write the difference")
  .action(async (options: { from: Date; to: Date; device?: string; apply?: boolean }, command: Command) => {
    const { replayFrames } = await import("./administration.ts");
    await replayFrames(configOf(command), options, printLine);
  });

withSettings(program.command("migrate").description("bring the database's tables up to date")).action(
  async (_options, command: Command) => {
    const { migrateDatabase } = await import("./administration.ts");
    await migrateDatabase(configOf(command), printLine);
  },
);

const devices = program.command("devices").description("devices of the default fleet");
withSettings(devices.command("list").description("list devices, one JSON object a line")).action(
  async (_options, command: Command) => {
    const { listAllDevices } = await import("./administration.ts");
    await listAllDevices(configOf(command), printLine);
  },
);
withSettings(
  devices
    .command("add")
    .description("register a device")
    .argument("<uid>", "IMEI of a tracker, user/device of a phone"),
)
  .option("--model <model>", "device model, picks the firmware profile")
  .option("--protocol <protocol>", "protocol it speaks")
  .option("--name <name>", "name shown to people")
  .action(async (uid: string, options: { model?: string; protocol?: string; name?: string }, command: Command) => {
    const { addDevice } = await import("./administration.ts");
    await addDevice(configOf(command), { uid, ...options }, printLine);
  });

const keys = program.command("keys").description("API keys");
withSettings(keys.command("list").description("list keys, one JSON object a line")).action(
  async (_options, command: Command) => {
    const { listAllKeys } = await import("./administration.ts");
    await listAllKeys(configOf(command), printLine);
  },
);
withSettings(keys.command("create").description("create a key; it is shown once").argument("<name>"))
  .option("--scopes <list>", "scopes, separated by commas", "devices:read,fixes:read,events:read")
  .option("--fleet <id>", "fleet that the key is bound to (default: every fleet)", natural)
  .action(async (name: string, options: { scopes: string; fleet?: number }, command: Command) => {
    const { createApiKey } = await import("./administration.ts");
    await createApiKey(configOf(command), name, options, printLine);
  });
withSettings(keys.command("revoke").description("revoke a key").argument("<id>", "key id", natural)).action(
  async (keyId: number, _options, command: Command) => {
    const { revokeApiKey } = await import("./administration.ts");
    await revokeApiKey(configOf(command), keyId);
  },
);

// A reader that has gone (`| head`) is no failure of ours; whoever writes much notices it and stops.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") return;
  complain(error.message);
  process.exit(EXIT_FAILED);
});

const commands = program.command("commands").description("commands to devices");
withSettings(commands.command("list").description("newest first, one JSON object a line"))
  .option("--device <uid>", "only of this device")
  .option("--limit <count>", "how many", natural, 100)
  .action(async (options: { device?: string; limit: number }, command: Command) => {
    const { listAllCommands } = await import("./administration.ts");
    await listAllCommands(configOf(command), options, printLine);
  });
withSettings(
  commands
    .command("send")
    .description("queue a command; it is sent when the device is connected")
    .argument("<uid>", "device")
    .argument("<text>", "in the words of the device's manual"),
)
  .option("--ttl <seconds>", "how long it is wanted", natural, 3_600)
  .option("--attempts <count>", "times it may be sent when no answer comes", natural, 3)
  .addOption(
    new Option("--class <class>", "immobiliser: only to a vehicle seen to stand").choices(["normal", "immobiliser"]),
  )
  .action(
    async (
      uid: string,
      text: string,
      options: { ttl: number; attempts: number; class?: "normal" | "immobiliser" },
      command: Command,
    ) => {
      const { sendCommand } = await import("./administration.ts");
      await sendCommand(configOf(command), { uid, text, ...options }, printLine);
    },
  );
withSettings(
  commands
    .command("cancel")
    .description("take back a command that is not on its way")
    .argument("<id>", "command", natural),
).action(async (commandId: number, _options, command: Command) => {
  const { cancelQueuedCommand } = await import("./administration.ts");
  await cancelQueuedCommand(configOf(command), commandId);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT_USAGE;
  } else {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = EXIT_FAILED;
  }
}
