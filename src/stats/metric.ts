/** The form of a metric that collectors take from the CRI. */
import { MetricType } from "../gen/cri/v1/api.ts";
import type { Details } from "./details.ts";
import type { InterfaceCounters } from "./network.ts";
import type { Measured } from "./sampler.ts";

/** A container, or a pod as a whole, with all that was read of it. */
export interface Subject {
  readonly measured: Measured | undefined;
  readonly details: Details | undefined;
  /** How many, with those of cgroups below its own. */
  readonly processes: bigint | undefined;
  /** Of pods only: containers share the pod's network. */
  readonly interfaces: readonly InterfaceCounters[];
  /** Of containers only. */
  readonly container: ContainerFacts | undefined;
}

export interface ContainerFacts {
  readonly startedAtNs: bigint;
  readonly seenAtNs: bigint;
  readonly files: OpenFiles | undefined;
  /** Soft limit of open files; undefined when there is none. */
  readonly maxOpenFiles: bigint | undefined;
  readonly layer: LayerFacts | undefined;
  readonly limits: SpecLimits;
}

export interface OpenFiles {
  readonly files: number;
  readonly sockets: number;
}

export interface LayerFacts {
  readonly usedBytes: bigint;
  readonly totalBytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}

/** What the container was given; 0n is what it wasn't. */
export interface SpecLimits {
  readonly cpuPeriod: bigint;
  readonly cpuQuota: bigint;
  readonly cpuShares: bigint;
  readonly memoryBytes: bigint;
  readonly memorySwapBytes: bigint;
}

/** A value with the values of its own labels. */
export type Value = readonly [value: bigint, ...labels: string[]];

export interface MetricRow {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** Labels beside those that all have. */
  readonly labels: readonly string[];
  /** Nothing where it isn't known. */
  values(subject: Subject): readonly Value[];
}

/** Of all metrics, in the order that collectors know. */
export const BASE_LABELS = ["container", "id", "image", "name", "namespace", "pod"] as const;

const NS_PER_S = 1_000_000_000n;
const US_PER_S = 1_000_000n;

/** Whole ones: the CRI has no fractions. */
export const nsToSeconds = (ns: bigint | undefined): bigint | undefined =>
  ns === undefined ? undefined : ns / NS_PER_S;
export const usToSeconds = (us: bigint | undefined): bigint | undefined =>
  us === undefined ? undefined : us / US_PER_S;

/** A metric of one value, which may not be known. */
export type One = (subject: Subject) => bigint | undefined;

export function counter(name: string, help: string, one: One): MetricRow {
  return { name, help, type: MetricType.COUNTER, labels: [], values: valuesOf(one) };
}

export function gauge(name: string, help: string, one: One): MetricRow {
  return { name, help, type: MetricType.GAUGE, labels: [], values: valuesOf(one) };
}

function valuesOf(one: One): MetricRow["values"] {
  return (subject) => {
    const value = one(subject);
    return value === undefined ? [] : [[value]];
  };
}
