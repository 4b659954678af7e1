/** Text in HTML, and what the pages' style sheets share. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for elements and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]);
}

export interface ScrollShadow {
  /** The direction in which the element scrolls. */
  readonly axis: 'x' | 'y';
  /** CSS colours: of what lies under the element's content, and of the shadow. */
  readonly surface: string;
  readonly shade: string;
}

interface ShadowLayer {
  readonly colour: string;
  readonly length: string;
  /** Whether it moves with the content. */
  readonly moves: boolean;
}

/**
 * A CSS declaration for an element that scrolls: a shadow at every edge past which there is more to see. The covers
 * move with the content (`local`) and hide the shadow of an edge that has been reached.
 */
export function scrollShadow({ axis, surface, shade }: ScrollShadow): string {
  const [start, end] = axis === 'x' ? ['left', 'right'] : ['top', 'bottom'];
  const layer = (edge: string, { colour, length, moves }: ShadowLayer): string => {
    const size = axis === 'x' ? `${length} 100%` : `100% ${length}`;
    const gradient = `linear-gradient(to ${edge === start ? end : start}, ${colour}, transparent)`;
    return `${gradient} ${edge} / ${size} no-repeat ${moves ? 'local' : 'scroll'}`;
  };
  const cover = { colour: `${surface} 40%`, length: '2.5rem', moves: true };
  const shadow = { colour: shade, length: '.9rem', moves: false };
  return `background: ${[cover, shadow].flatMap((kind) => [layer(start, kind), layer(end, kind)]).join(', ')};`;
}
