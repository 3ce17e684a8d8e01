/** Writes a file anew; a reader sees the old one or the new one, never a part. */
export async function replaceText(path: string, text: string, mode: number): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text, { mode });
  await Deno.rename(`${path}.new`, path);
}
