/** Which bodies are read as JSON. */

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/**
 * Whether a body of this Content-Type is read as JSON. One without a Content-Type is, for compatibility with the
 * service that this one replaces.
 */
export function isJson(contentType: string): boolean {
  return contentType === 'application/json' || contentType === '' || JSON_TYPE.test(contentType);
}
