/** The WWW-Authenticate header: https://www.rfc-editor.org/rfc/rfc9110#field.www-authenticate */

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By name in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const SEPARATORS = /[\s,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const MAX_CHARACTERS = 8192;

/** Reads all challenges of a header; what can't be understood ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_CHARACTERS);
  const challenges: Challenge[] = [];
  let parameters: Map<string, string> | undefined;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (true) {
    take(SEPARATORS);
    const word = take(TOKEN)?.[0];
    if (word === undefined) return challenges;
    const isParameter = take(EQUALS) !== null;
    if (!isParameter) {
      parameters = new Map();
      challenges.push({ scheme: word.toLowerCase(), parameters });
      continue;
    }
    const value = take(QUOTED)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? take(TOKEN)?.[0];
    if (value === undefined || parameters === undefined) return challenges;
    parameters.set(word.toLowerCase(), value);
  }
}
