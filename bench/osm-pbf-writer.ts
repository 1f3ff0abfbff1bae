import { openSync, writeSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { PbfWriter } from "pbf";

/** Writes OpenStreetMap PBF (wiki.openstreetmap.org/wiki/PBF_Format) block by block: nodes first, then ways, then relations. */

const ENTITIES_PER_BLOCK = 8_000;
const MEMBER_TYPES = { node: 0, way: 1 } as const;

export type WrittenWay = { id: number; refs: readonly number[]; tags: Readonly<Record<string, string>> };
export type WrittenRelation = {
  id: number;
  members: readonly { type: "node" | "way"; ref: number; role: string }[];
  tags: Readonly<Record<string, string>>;
};

export class OsmPbfWriter {
  readonly #file: number;
  readonly #nodes: { id: number[]; latE7: number[]; lonE7: number[] } = { id: [], latE7: [], lonE7: [] };
  readonly #ways: WrittenWay[] = [];
  readonly #relations: WrittenRelation[] = [];

  constructor(path: string) {
    this.#file = openSync(path, "w");
    const header = new PbfWriter();
    for (const feature of ["OsmSchema-V0.6", "DenseNodes"]) header.writeStringField(4, feature);
    this.#writeBlob("OSMHeader", header.finish());
  }

  /** Coordinates are 1e-7 degrees. */
  addNode(id: number, latE7: number, lonE7: number): void {
    const { id: ids } = this.#nodes;
    ids.push(id);
    this.#nodes.latE7.push(latE7);
    this.#nodes.lonE7.push(lonE7);
    if (ids.length >= ENTITIES_PER_BLOCK) this.#writeNodes();
  }

  addWay(way: WrittenWay): void {
    if (this.#ways.push(way) >= ENTITIES_PER_BLOCK) this.#writeWays();
  }

  addRelation(relation: WrittenRelation): void {
    if (this.#relations.push(relation) >= ENTITIES_PER_BLOCK) this.#writeRelations();
  }

  /** Writes what has gathered; to be called between kinds and at the end. */
  flush(): void {
    if (this.#nodes.id.length > 0) this.#writeNodes();
    if (this.#ways.length > 0) this.#writeWays();
    if (this.#relations.length > 0) this.#writeRelations();
  }

  #writeNodes(): void {
    const { id, latE7, lonE7 } = this.#nodes;
    this.#writeBlock(new Strings(), 2, [
      (dense) => {
        dense.writePackedSVarint(1, deltas(id));
        dense.writePackedSVarint(8, deltas(latE7));
        dense.writePackedSVarint(9, deltas(lonE7));
      },
    ]);
    for (const column of [id, latE7, lonE7]) column.length = 0;
  }

  #writeWays(): void {
    const strings = new Strings();
    const writeWay = ({ id, refs, tags }: WrittenWay, pbf: PbfWriter): void => {
      pbf.writeVarintField(1, id);
      strings.writeTags(tags, pbf);
      pbf.writePackedSVarint(8, deltas(refs));
    };
    this.#writeBlock(
      strings,
      3,
      this.#ways.map((way) => (pbf) => writeWay(way, pbf)),
    );
    this.#ways.length = 0;
  }

  #writeRelations(): void {
    const strings = new Strings();
    const writeRelation = ({ id, members, tags }: WrittenRelation, pbf: PbfWriter): void => {
      pbf.writeVarintField(1, id);
      strings.writeTags(tags, pbf);
      pbf.writePackedVarint(
        8,
        members.map(({ role }) => strings.indexOf(role)),
      );
      pbf.writePackedSVarint(9, deltas(members.map(({ ref }) => ref)));
      pbf.writePackedVarint(
        10,
        members.map(({ type }) => MEMBER_TYPES[type]),
      );
    };
    this.#writeBlock(
      strings,
      4,
      this.#relations.map((relation) => (pbf) => writeRelation(relation, pbf)),
    );
    this.#relations.length = 0;
  }

  /** A block with one group, whose entities are the messages of one field. */
  #writeBlock(strings: Strings, field: number, entities: readonly ((pbf: PbfWriter) => void)[]): void {
    const group = new PbfWriter();
    for (const write of entities) group.writeMessage(field, (_, pbf) => write(pbf), null);
    const groupBytes = group.finish();
    const block = new PbfWriter();
    block.writeMessage(1, (table, pbf) => table.write(pbf), strings);
    block.writeBytesField(2, groupBytes);
    this.#writeBlob("OSMData", block.finish());
  }

  #writeBlob(type: string, content: Uint8Array): void {
    const blob = new PbfWriter();
    blob.writeVarintField(2, content.length);
    blob.writeBytesField(3, deflateSync(content, { level: 1 }));
    const blobBytes = blob.finish();
    const header = new PbfWriter();
    header.writeStringField(1, type);
    header.writeVarintField(3, blobBytes.length);
    const headerBytes = header.finish();
    const length = Buffer.alloc(4);
    length.writeUInt32BE(headerBytes.length);
    for (const part of [length, headerBytes, blobBytes]) writeSync(this.#file, part);
  }
}

/** The strings of a block; the first is empty. */
class Strings {
  readonly #index = new Map<string, number>([["", 0]]);

  indexOf(text: string): number {
    const index = this.#index.get(text) ?? this.#index.size;
    this.#index.set(text, index);
    return index;
  }

  writeTags(tags: Readonly<Record<string, string>>, pbf: PbfWriter): void {
    pbf.writePackedVarint(
      2,
      Object.keys(tags).map((key) => this.indexOf(key)),
    );
    pbf.writePackedVarint(
      3,
      Object.values(tags).map((value) => this.indexOf(value)),
    );
  }

  write(pbf: PbfWriter): void {
    for (const text of this.#index.keys()) pbf.writeBytesField(1, Buffer.from(text, "utf8"));
  }
}

function deltas(values: readonly number[]): number[] {
  return values.map((value, i) => value - (i === 0 ? 0 : values[i - 1]!));
}
