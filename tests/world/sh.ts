/** Runs a program; gives what it printed. @throws with its stderr when it failed */
export async function sh(...argv: [string, ...string[]]): Promise<string> {
  const [program, ...args] = argv;
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
