/**
 * Part of the kernel's build: turns the tag `@inline` in a function's doc comment into AssemblyScript's decorator of
 * that name. TypeScript allows no decorator on a function, and formatter and linter cannot parse a file that has one.
 */
import { Node, NodeKind } from 'assemblyscript';
import { Transform } from 'assemblyscript/transform';

/** Whether the text before a function ends with a doc comment that has the tag. */
function isTagged(before) {
  if (!before.trimEnd().endsWith('*/')) return false;
  return /^[\s*]*@inline\b/m.test(before.slice(before.lastIndexOf('/**') + '/**'.length));
}

export default class InlineTransform extends Transform {
  afterParse({ sources }) {
    for (const { text, statements, isLibrary, normalizedPath } of sources) {
      if (isLibrary) continue;
      const tagged = statements.filter(
        ({ kind, range }) => kind === NodeKind.FunctionDeclaration && isTagged(text.slice(0, range.start)),
      );
      for (const declaration of tagged) {
        const name = Node.createIdentifierExpression('inline', declaration.range);
        declaration.decorators = [Node.createDecorator(name, null, declaration.range)];
      }
      const tags = text.split('@inline').length - 1;
      if (tags !== tagged.length)
        throw new Error(
          `${normalizedPath}: of ${tags} @inline only ${tagged.length} stand before a function of the module`,
        );
    }
  }
}
