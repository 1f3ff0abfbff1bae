import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProtocolDecoder, Transport } from "./decoder.ts";
import { readGoldens, replayGolden } from "./golden.ts";
import { type Cut, contextOf, cutChunks, cutDatagram, cutStream, hexOf, readFrame } from "./outcome.ts";

/**
 * The conformance suite of decoders: what every protocol promises, whatever its bytes look like. A protocol's own
 * `conformance.test.ts` calls it with arbitraries made by the protocol's encoder.
 */
export type ConformanceSubject = {
  decoder: ProtocolDecoder;
  /** Folder of golden frames. */
  goldenDir: string;
  /** Valid frames as they stand on a byte stream, one at a time; absent where the protocol has no stream of its own. */
  streamFrames?: fc.Arbitrary<Uint8Array>;
  /** Valid datagrams; absent where the protocol has none. */
  datagrams?: fc.Arbitrary<Uint8Array>;
  /** Valid messages of a transport that delimits by itself (MQTT payloads, HTTP requests). */
  messages?: { transport: Transport; frames: fc.Arbitrary<Uint8Array> };
  /** Reads a valid frame into the encoder's model and encodes it again: must give the same bytes. */
  reencode(frame: Uint8Array, transport: Transport): Uint8Array;
  /** Offset of the first byte from which a checksum must catch any corrupted one; null for a frame without checksum. */
  checksummedFrom?(frame: Uint8Array): number | null;
  /** fast-check runs per property. */
  runs?: number;
};

const RUNS_DEFAULT = 100;
const GARBAGE_BYTES_MAX = 300;
const STREAM_FRAMES_MAX = 4;

export function describeConformance(subject: ConformanceSubject): void {
  describe(`the ${subject.decoder.protocol} decoder keeps the promises of every decoder`, () => {
    testGoldens(subject);
    if (subject.streamFrames) testStream(subject, subject.streamFrames);
    if (subject.datagrams) testDatagrams(subject, subject.datagrams);
    if (subject.messages) testMessages(subject, subject.messages.transport, subject.messages.frames);
  });
}

function testGoldens({ decoder, goldenDir }: ConformanceSubject): void {
  const goldens = readGoldens(goldenDir);
  test("it has golden frames, each naming its source", () => {
    expect(goldens.size).toBeGreaterThan(0);
    for (const golden of goldens.values()) expect(golden.source).not.toBe("");
  });
  for (const [name, golden] of goldens) {
    test(`golden frame ${name} equals its JSON`, () => {
      expect(replayGolden(decoder, golden)).toEqual(golden.expect);
    });
  }
}

function testStream(subject: ConformanceSubject, frames: fc.Arbitrary<Uint8Array>): void {
  const { decoder } = subject;
  const runs = { numRuns: subject.runs ?? RUNS_DEFAULT };

  test("a valid stream frame is cut whole and read", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const cuts = cutStream(decoder, frame);
        expect(cuts.map((cut) => cut.kind)).toEqual(["frame"]);
        expectReadable(decoder, cuts, "tcp");
      }),
      runs,
    );
  });

  test("every truncation of a valid stream frame asks for more", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        for (let length = 0; length < frame.length; length++) {
          const result = decoder.openStream().next(frame.subarray(0, length));
          expect(result, `cut to ${length} of ${frame.length}`).toMatchObject({ kind: "incomplete" });
          if (result.kind !== "incomplete") return;
          expect(result.needed).toBeGreaterThan(length);
          expect(result.needed).toBeLessThanOrEqual(frame.length);
        }
      }),
      runs,
    );
  });

  test("every split of a stream gives the same frames", () => {
    const streams = fc.array(frames, { minLength: 1, maxLength: STREAM_FRAMES_MAX });
    fc.assert(
      fc.property(streams, fc.array(fc.nat(), { maxLength: 8 }), (parts, places) => {
        const stream = Buffer.concat(parts);
        const whole = cutStream(decoder, stream);
        expect(whole.map((cut) => cut.kind)).toEqual(parts.map(() => "frame"));
        expect(
          cutChunks(
            decoder,
            [...stream].map((_, at) => stream.subarray(at, at + 1)),
          ),
        ).toEqual(whole);
        expect(cutChunks(decoder, splitAt(stream, places))).toEqual(whole);
        for (let at = 1; at < stream.length; at += 1 + (stream.length >> 6)) {
          expect(cutChunks(decoder, splitAt(stream, [at]))).toEqual(whole);
        }
      }),
      runs,
    );
  });

  test("garbage on a stream never throws, stalls or is consumed beyond its end", () => {
    fc.assert(
      fc.property(garbage(frames), (bytes) => expectReadable(decoder, cutStream(decoder, bytes), "tcp")),
      { numRuns: runs.numRuns * 5 },
    );
  });

  test("a stream frame survives decoding and encoding unchanged", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(hexOf(subject.reencode(frame, "tcp"))).toBe(hexOf(frame));
      }),
      runs,
    );
  });

  if (subject.checksummedFrom) testCorruption(subject, frames, subject.checksummedFrom);
}

function testCorruption(
  { decoder, runs }: ConformanceSubject,
  frames: fc.Arbitrary<Uint8Array>,
  checksummedFrom: (frame: Uint8Array) => number | null,
): void {
  test("one corrupted byte that a checksum covers never makes another frame", () => {
    const checksummed = frames.filter((frame) => checksummedFrom(frame) !== null);
    fc.assert(
      fc.property(checksummed, fc.integer({ min: 1, max: 255 }), (frame, flip) => {
        for (let at = checksummedFrom(frame)!; at < frame.length; at++) {
          const bytes = Uint8Array.from(frame);
          bytes[at] = bytes[at]! ^ flip;
          for (const cut of cutStream(decoder, bytes)) {
            if (cut.kind !== "frame" || cut.hex === hexOf(frame)) continue;
            const envelope = decoder.envelope(Buffer.from(cut.hex, "hex"), "tcp");
            expect(envelope.kind !== "rejected" && envelope.keep, `byte ${at} changed, still kept`).toBe(false);
          }
        }
      }),
      { numRuns: runs ?? RUNS_DEFAULT },
    );
  });
}

function testDatagrams(subject: ConformanceSubject, frames: fc.Arbitrary<Uint8Array>): void {
  const { decoder } = subject;
  const runs = { numRuns: subject.runs ?? RUNS_DEFAULT };

  test("a valid datagram is one frame and is read", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const cut = cutDatagram(decoder, frame);
        expect(cut.kind).toBe("frame");
        expectReadable(decoder, [cut], "udp");
      }),
      runs,
    );
  });

  test("every truncation of a valid datagram is rejected", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        for (let length = 0; length < frame.length; length++) {
          expect(cutDatagram(decoder, frame.subarray(0, length)).kind, `cut to ${length}`).toBe("rejected");
        }
      }),
      runs,
    );
  });

  test("garbage in a datagram never throws", () => {
    fc.assert(
      fc.property(garbage(frames), (bytes) => expectReadable(decoder, [cutDatagram(decoder, bytes)], "udp")),
      { numRuns: runs.numRuns * 5 },
    );
  });

  test("a datagram survives decoding and encoding unchanged", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(hexOf(subject.reencode(frame, "udp"))).toBe(hexOf(frame));
      }),
      runs,
    );
  });
}

function testMessages(subject: ConformanceSubject, transport: Transport, frames: fc.Arbitrary<Uint8Array>): void {
  const { decoder } = subject;
  const runs = { numRuns: subject.runs ?? RUNS_DEFAULT };
  const read = (bytes: Uint8Array) => readFrame(decoder, bytes, contextOf(transport));

  test(`a valid ${transport} message is read`, () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const { envelope, result } = read(frame);
        expect(envelope.kind).not.toBe("rejected");
        expect(result.kind).toBe("decoded");
      }),
      runs,
    );
  });

  test(`garbage in an ${transport} message never throws`, () => {
    fc.assert(
      fc.property(garbage(frames), (bytes) => {
        read(bytes);
      }),
      { numRuns: runs.numRuns * 5 },
    );
  });

  test(`an ${transport} message survives decoding and encoding unchanged`, () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(hexOf(subject.reencode(frame, transport))).toBe(hexOf(frame));
      }),
      runs,
    );
  });
}

/** Reads every accepted frame; a throw or a broken report fails the property. */
function expectReadable(decoder: ProtocolDecoder, cuts: readonly Cut[], transport: Transport): void {
  for (const cut of cuts) {
    if (cut.kind === "frame") readFrame(decoder, Buffer.from(cut.hex, "hex"), contextOf(transport));
  }
}

/** Random bytes, valid frames with bytes overwritten, and valid frames between random bytes. */
function garbage(frames: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const noise = fc.uint8Array({ maxLength: GARBAGE_BYTES_MAX });
  const overwritten = fc
    .tuple(frames, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }))
    .map(([frame, changes]) => {
      const bytes = Uint8Array.from(frame);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes;
    });
  const surrounded = fc.tuple(noise, frames, noise).map((parts): Uint8Array => Uint8Array.from(Buffer.concat(parts)));
  return fc.oneof(noise, overwritten, surrounded);
}

function splitAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...cuts, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : cuts[index - 1], end));
}
