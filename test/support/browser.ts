/** A real browser: Debian's chromium, or Chrome, driven by playwright-core. */
import { type Browser, type Page, chromium } from 'playwright-core';
import { findProgram, program } from './needs.js';

const PROGRAMS = ['chromium', 'google-chrome'] as const;

export const CHROMIUM = program(PROGRAMS, 'apt-get install chromium');

/** The widths at which every page must be in order, and both schemes of colours. */
export const VIEWS = [1400, 500].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
);
export type View = (typeof VIEWS)[number];

/** What a page complained of: messages of the console, exceptions, and requests to elsewhere. */
export interface OpenPage {
  readonly page: Page;
  readonly complaints: readonly string[];
  /** Method and path of every request, in order. */
  readonly requests: readonly string[];
}

export function launchBrowser(): Promise<Browser> {
  const found = PROGRAMS.map(findProgram).find((path) => path !== undefined);
  return chromium.launch({
    ...(found !== undefined && { executablePath: found }),
    // Containers and CI run as root, which the sandbox refuses.
    args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update'],
  });
}

/** @param origin where requests may go; to anywhere else they are a complaint, and fail */
export async function openPage(browser: Browser, { width, colorScheme }: View, origin?: string): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.route(/^https?:/, async (route) => {
    const { url, method } = { url: new URL(route.request().url()), method: route.request().method() };
    requests.push(`${method} ${url.pathname}${url.search}`);
    if (url.origin === origin) return await route.continue();
    complaints.push(`a request to ${url.origin}`);
    return await route.abort();
  });
  return { page, complaints, requests };
}

/** How far the page is wider than its window, in pixels. */
export function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/**
 * The labels of the page's charts that cover each other, or the dots beside them, by their bounding boxes.
 * @returns one line for each pair
 */
export function coveredLabels(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(COVERED_LABELS);
}

/** Runs in the page, so as text: its types are not the tests'. A text's box is as high as its line, digits are less. */
const COVERED_LABELS = String.raw`(() => {
  const SLACK = 2;
  const covers = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK;
  return [...document.querySelectorAll('svg')].flatMap((svg) => {
    const texts = [...svg.querySelectorAll('text')].filter((text) => text.textContent !== '');
    const dots = [...svg.querySelectorAll('circle')];
    return texts.flatMap((text, i) =>
      [...texts.slice(i + 1), ...dots]
        .filter((other) => covers(text.getBoundingClientRect(), other.getBoundingClientRect()))
        .map((other) => svg.getAttribute('aria-label') + ': ' + text.textContent + ' and ' +
          (other.textContent || other.tagName)));
  });
})()`;

/**
 * The parts of the page that scroll sideways: how many, and the names of those that show it by no shadow or that the
 * keyboard does not reach.
 */
export function scrollingParts(page: Page): Promise<{ all: number; unmarked: string[] }> {
  return page.evaluate<{ all: number; unmarked: string[] }>(SCROLLING_PARTS);
}

const SCROLLING_PARTS = String.raw`(() => {
  const wide = [...document.querySelectorAll('body *')].filter((element) =>
    element.scrollWidth > element.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(element).overflowX));
  const unmarked = wide.filter((element) =>
    element.tabIndex < 0 || !getComputedStyle(element).backgroundImage.includes('gradient'));
  const name = (element) => element.getAttribute('aria-label') || element.tagName;
  return { all: wide.length, unmarked: unmarked.map(name) };
})()`;
