/** A small checker of HTML nesting: every element closed in order, void elements aside, attributes quoted and not repeated, ids distinct. */

const voidElements = new Set(['meta', 'link', 'br', 'hr', 'img', 'input']);
const rawElements = new Set(['style', 'script']);

/** What is wrong, as texts; none: the document is well nested. */
export function nestingProblems(document: string): string[] {
  const problems: string[] = [];
  const open: string[] = [];
  const ids = new Set<string>();
  const token = /<!doctype html>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+(?:="[^"<>]*")?)*)\s*(\/?)>|[<>]/g;
  token.lastIndex = 0;
  for (let match = token.exec(document); match; match = token.exec(document)) {
    const [text, slash, name, attributes, selfClosed] = match;
    if (text === '<' || text === '>') problems.push(`a bare ${text} at ${match.index}: ${document.slice(match.index, match.index + 40)}`);
    if (name === undefined) continue;
    if (slash) {
      const expected = open.pop();
      if (expected !== name) problems.push(`</${name}> closes <${expected}> at ${match.index}`);
      continue;
    }
    problems.push(...attributeProblems(name, attributes, ids));
    if (rawElements.has(name)) token.lastIndex = document.indexOf(`</${name}>`, token.lastIndex) + name.length + 3;
    else if (!selfClosed && !voidElements.has(name)) open.push(name);
  }
  return [...problems, ...open.map((name) => `<${name}> is never closed`)];
}

function attributeProblems(element: string, attributes: string, ids: Set<string>): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [, name, value] of attributes.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)) {
    if (seen.has(name)) problems.push(`<${element}> has ${name} twice`);
    if (name === 'style' || name.startsWith('on')) problems.push(`<${element}> has ${name}, which the content security policy refuses`);
    if (name === 'id' && ids.has(value)) problems.push(`two elements have the id ${value}`);
    if (name === 'id') ids.add(value);
    seen.add(name);
  }
  return problems;
}
