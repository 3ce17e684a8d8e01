/** Protocol descriptors as plain facts that can be compared: what goes over the wire, no comments. */
import { fromBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** One fact after another: "field 3 uid: string" under "message runtime.v1.PodSandboxMetadata". */
export type Contract = ReadonlyMap<string, ReadonlySet<string>>;

/** The contract of the packages that begin with one of these, from an encoded FileDescriptorSet. */
export function readContract(encoded: Uint8Array, packages: readonly string[]): Contract {
  const contract = new Map<string, ReadonlySet<string>>();
  for (const file of fromBinary(FileDescriptorSetSchema, encoded).file) {
    if (packages.some((name) => `${file.package}.`.startsWith(`${name}.`))) addFile(contract, file);
  }
  return contract;
}

/** What `own` states and `published` doesn't: nothing, if the one is part of the other. */
export function statedAlone(own: Contract, published: Contract): string[] {
  return [...own].flatMap(([name, facts]) => {
    const known = published.get(name);
    if (known === undefined) return [name];
    return [...facts].filter((fact) => !known.has(fact)).map((fact) => `${name}: ${fact}`);
  });
}

type Facts = Map<string, ReadonlySet<string>>;

function addFile(contract: Facts, file: FileDescriptorProto): void {
  for (const message of file.messageType) addMessage(contract, file.package, message);
  for (const one of file.enumType) addEnum(contract, file.package, one);
  for (const service of file.service) addService(contract, file.package, service);
}

function addMessage(contract: Facts, scope: string, message: DescriptorProto): void {
  const name = `${scope}.${message.name}`;
  contract.set(
    `message ${name}`,
    new Set([
      ...message.field.map((field) => fieldFact(message, field)),
      ...message.reservedName.map((reserved) => `reserved ${reserved}`),
      ...message.reservedRange.map(({ start, end }) => `reserved ${start} up to ${end}`),
      ...message.options?.mapEntry === true ? ["map entry"] : [],
    ]),
  );
  for (const nested of message.nestedType) addMessage(contract, name, nested);
  for (const nested of message.enumType) addEnum(contract, name, nested);
}

function fieldFact(message: DescriptorProto, field: FieldDescriptorProto): string {
  const { number, name, label, type, typeName, jsonName, proto3Optional } = field;
  const oneof = field.oneofIndex === undefined ? undefined : message.oneofDecl[field.oneofIndex];
  return [
    `field ${number} ${name}:`,
    `label ${label} type ${type} ${typeName}`,
    `json ${jsonName}`,
    ...proto3Optional ? ["optional"] : [],
    ...oneof === undefined ? [] : [`in ${oneof.name}`],
  ].join(" ");
}

function addEnum(contract: Facts, scope: string, one: EnumDescriptorProto): void {
  const values = one.value.map(({ name, number }) => `${name} = ${number}`);
  contract.set(`enum ${scope}.${one.name}`, new Set(values));
}

function addService(contract: Facts, scope: string, service: ServiceDescriptorProto): void {
  const methods = service.method.map((method) => {
    const { name, inputType, outputType, clientStreaming, serverStreaming } = method;
    const from = `${clientStreaming ? "stream " : ""}${inputType}`;
    return `rpc ${name}: ${from} to ${serverStreaming ? "stream " : ""}${outputType}`;
  });
  contract.set(`service ${scope}.${service.name}`, new Set(methods));
}
