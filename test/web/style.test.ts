import { describe, expect, test } from 'vitest';
import { style } from '../../shared/web/style.ts';

/** WCAG 2.2: contrast of text 4.5 to 1 (1.4.3), of graphics 3 to 1 (1.4.11). */
function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const [, light, dark] = /:root\{color-scheme[^;]*;([^}]*)\}[\s\S]*?:root\{([^}]*)\}/.exec(style)!;

describe.each([['light', light], ['dark', dark]])('%s', (_name, block) => {
  const colours = Object.fromEntries([...block.matchAll(/--([a-z]+):(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
  test.each(['ink', 'soft', 'bad', 'kafka'])('%s is readable as text', (name) => {
    expect(contrast(colours[name], colours.sheet)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(colours[name], colours.paper)).toBeGreaterThanOrEqual(4.5);
  });
  test.each(['bronze', 'silver', 'gold', 'point', 'good', 'warn', 'bad'])('%s is visible as a mark', (name) => {
    expect(contrast(colours[name], colours.sheet)).toBeGreaterThanOrEqual(3);
  });
});
