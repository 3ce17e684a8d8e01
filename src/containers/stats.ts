/** ContainerStats and the lists of them: one sweep over the kernel's files. */

import {
  ContainerAttributes,
  ContainerFilter,
  ContainerStats,
  type ContainerStatsFilter,
} from "../gen/cri/v1/api.ts";
import type { ImageUsage } from "../images/usage.ts";
import type { Container, ContainerStore } from "../state/containers.ts";
import { Encoded, fieldEntry, joinEntries } from "../state/encoded.ts";
import type { Measured, Sampler, Target } from "../stats/sampler.ts";
import { type LayerUsage, toContainerStats } from "../stats/to_cri.ts";
import { Turns } from "../stats/turns.ts";
import { matching } from "./list.ts";

export interface StatsDeps {
  readonly containers: ContainerStore;
  readonly sampler: Sampler;
  /** Writable layers are measured in the background, for that is a walk through their files. */
  readonly usage: Pick<ImageUsage, "of" | "measuredAtNs" | "mountpoint">;
}

/** Field number of stats in ContainerStatsResponse and in both forms of the list. */
const STATS = 1;
/** Field number in ContainerStats. */
const ATTRIBUTES = 1;

/** @throws CriError notFound */
export function containerStats(deps: StatsDeps, idOrPrefix: string): Encoded {
  return new Encoded(fieldEntry(STATS, encodeStats(deps, deps.containers.get(idOrPrefix))));
}

/**
 * The entries of a list of statistics. Containers that don't run are there with what their files
 * take.
 */
export async function* containerStatsEntries(
  deps: StatsDeps,
  filter: ContainerStatsFilter | undefined,
): AsyncGenerator<Uint8Array> {
  const turns = new Turns();
  const wanted = filter && ContainerFilter.fromPartial(filter);
  for (const { id } of matching(deps.containers, wanted)) {
    // As it is now: others had their turn since the list was made.
    const container = deps.containers.find(id);
    if (container === undefined) continue;
    yield fieldEntry(STATS, encodeStats(deps, container));
    await turns.next();
  }
}

/** By sample: those who ask at the same time get the same bytes. */
const encoded = new WeakMap<Measured, Uint8Array>();

/** A ContainerStats message. */
export function encodeStats(deps: StatsDeps, container: Container): Uint8Array {
  const measured = measureContainer(deps, container);
  const known = measured && encoded.get(measured);
  if (known !== undefined) return known;
  const stats = toContainerStats(measured, layerOf(deps, container));
  // Fields one after another are the message that has them all.
  const bytes = joinEntries([attributesOf(container), ContainerStats.encode(stats).finish()]);
  if (measured !== undefined) encoded.set(measured, bytes);
  return bytes;
}

/** Undefined for a container that doesn't run. */
export function measureContainer(
  { sampler }: Pick<StatsDeps, "sampler">,
  container: Container,
): Measured | undefined {
  const target = containerTarget(container);
  return target && sampler.measure(target);
}

export function containerTarget({ id, state }: Container): Target | undefined {
  if (state.kind !== "running") return undefined;
  return { id, pid: state.pid, startedAtNs: state.startedAtNs, of: "process" };
}

function layerOf({ usage }: StatsDeps, container: Container): LayerUsage | undefined {
  const { mountpoint, measuredAtNs } = usage;
  const measured = usage.of(container.snapshotKey);
  if (measured === undefined || mountpoint === undefined) return undefined;
  return { ...measured, mountpoint, atNs: measuredAtNs };
}

/** By configuration, which changes of state leave as it is; labels can be long. */
const attributes = new WeakMap<object, Uint8Array>();

function attributesOf({ id, metadata }: Container): Uint8Array {
  const { config } = metadata;
  const known = attributes.get(config);
  if (known !== undefined) return known;
  const { labels, annotations } = config;
  const message = { id, metadata: config.metadata, labels, annotations };
  const bytes = fieldEntry(ATTRIBUTES, ContainerAttributes.encode(message).finish());
  attributes.set(config, bytes);
  return bytes;
}
