/**
 * Metrics in the CRI's encoding, put together from parts: a container has some fifty, which share
 * most of their labels, and a node has hundreds of containers.
 */
import { MetricType } from "../gen/cri/v1/api.ts";
import { fieldEntry, joinEntries } from "../state/encoded.ts";
import type { MetricRow, Subject } from "../stats/metric.ts";

/** Field numbers of Metric; its timestamp is left out: 0 is "read just now". */
const NAME = 1;
const METRIC_TYPE = 3;
const LABEL_VALUES = 4;
const VALUE = 5;
/** Tag of UInt64Value's one field, a varint. */
const UINT64_TAG = 1 << 3;
const LENGTH_DELIMITED = 2;
/** A tag and a length. */
const MAX_HEAD_BYTES = 10;

const encoder = new TextEncoder();

/** By row: its name and type. */
const heads = new WeakMap<MetricRow, Uint8Array>();

/** The label values that all metrics of one container or pod begin with. */
export function labelBytes(values: readonly string[]): Uint8Array {
  return joinEntries(values.map((value) => fieldEntry(LABEL_VALUES, encoder.encode(value))));
}

/**
 * The metrics that a subject has values for, as entries of a repeated field.
 *
 * @param base of {@link labelBytes}
 */
export function metricEntries(
  rows: readonly MetricRow[],
  subject: Subject,
  { field, base }: { field: number; base: Uint8Array },
): Uint8Array {
  const scratch = new Scratch(field);
  for (const row of rows) {
    for (const [value, ...labels] of row.values(subject)) {
      const own = labels.length === 0 ? NOTHING : labelBytes(labels);
      scratch.metric([headOf(row), base, own], value);
    }
  }
  return scratch.bytes();
}

const NOTHING = new Uint8Array();

/** Memory that is used again and again; nothing here waits, so one is at work at a time. */
let memory = new Uint8Array(64 * 1024);

/** Entries one after another, without an array for each of their parts. */
class Scratch {
  readonly #tag: number;
  #at = 0;

  constructor(field: number) {
    this.#tag = (field << 3) | LENGTH_DELIMITED;
  }

  metric(parts: readonly Uint8Array[], value: bigint): void {
    const number = uint64(value);
    const size = parts.reduce((sum, part) => sum + part.length, 2 + number.length);
    this.#reserve(size + MAX_HEAD_BYTES);
    this.#byte(this.#tag);
    this.#length(size);
    for (const part of parts) {
      memory.set(part, this.#at);
      this.#at += part.length;
    }
    this.#byte((VALUE << 3) | LENGTH_DELIMITED);
    this.#byte(number.length);
    for (const byte of number) this.#byte(byte);
  }

  bytes(): Uint8Array {
    return memory.slice(0, this.#at);
  }

  #reserve(size: number): void {
    if (this.#at + size <= memory.length) return;
    const larger = new Uint8Array(Math.max(this.#at + size, memory.length * 2));
    larger.set(memory.subarray(0, this.#at));
    memory = larger;
  }

  #byte(byte: number): void {
    memory[this.#at++] = byte;
  }

  #length(size: number): void {
    let rest = size;
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#byte(rest);
  }
}

function headOf(row: MetricRow): Uint8Array {
  const known = heads.get(row);
  if (known !== undefined) return known;
  const name = fieldEntry(NAME, encoder.encode(row.name));
  // The first of an enum is what is meant when nothing is said.
  const type = row.type === MetricType.COUNTER
    ? new Uint8Array()
    : Uint8Array.of(METRIC_TYPE << 3, row.type);
  const head = joinEntries([name, type]);
  heads.set(row, head);
  return head;
}

/** The bytes of a UInt64Value; 0 is the message without its field. */
function uint64(value: bigint): readonly number[] {
  if (value === 0n) return [];
  const bytes = [UINT64_TAG];
  let rest = BigInt.asUintN(64, value);
  // Most fit in a number, which reckons much faster.
  while (rest > 0xffff_ffffn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  let small = Number(rest);
  while (small > 0x7f) {
    bytes.push((small & 0x7f) | 0x80);
    small = Math.floor(small / 128);
  }
  bytes.push(small);
  return bytes;
}
