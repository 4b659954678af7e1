/**
 * `npm run sbom`: writes the software bill of materials of an installation that serves, as CycloneDX: every production
 * dependency of the lockfile with version, licence and hash. `--out FILE` names the file, `sbom.cdx.json` otherwise.
 *
 * npm takes a package's licence and origin from what its publisher declares. Where that is not the whole truth, the
 * table of findings below adds what the package's own files say.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** npm's mark of what is installed for development only. */
const DEVELOPMENT = 'cdx:npm:package:development';

/** What is added to a component, by its name in the registry. */
const FINDINGS = {
  // Declared as ISC by the publisher; its LICENSE file and sources are those of uNetworking, under Apache 2.0.
  uwebsockets: {
    evidence: { licenses: [{ license: { id: 'Apache-2.0' } }] },
    pedigree: {
      ancestors: [{ type: 'library', name: 'uWebSockets.js', purl: 'pkg:github/uNetworking/uWebSockets.js' }],
      notes: 'Republished on npm by another party. npm run binaries compares its binaries with the ancestor.',
    },
  },
};

function fail(message, code = 1) {
  process.stderr.write(`sbom: ${message}\n`);
  process.exit(code);
}

function outputFile() {
  try {
    return parseArgs({ options: { out: { type: 'string', default: 'sbom.cdx.json' } } }).values.out;
  } catch (error) {
    return fail(`${error.message}\nusage: npm run sbom -- [--out FILE]`, 2);
  }
}

function readFromNpm() {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
  const { status, stdout, stderr, error } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error !== undefined) return fail(`npm: ${error.message}`);
  return status === 0 ? JSON.parse(stdout) : fail(`npm sbom: ${stderr.trim()}`);
}

/** npm names a component by its folder, which is another one for an alias or a clone; the purl has its own name. */
function named(component) {
  const [, name] = /^pkg:npm\/(.+)@/.exec(component.purl);
  return { ...component, name: decodeURIComponent(name) };
}

/**
 * What is installed for a server. npm's own `--omit=dev` also leaves out what both a server and the development need
 * (https://github.com/npm/cli/issues/7909), so that everything is asked for and what has npm's mark is left out here.
 */
function forProduction({ metadata, components, dependencies, ...rest }) {
  const kept = components.filter(({ properties }) => !properties.some(({ name }) => name === DEVELOPMENT));
  const references = new Set([metadata.component, ...kept].map((component) => component['bom-ref']));
  return {
    ...rest,
    metadata: { ...metadata, component: named(metadata.component) },
    components: kept.map(named).map((component) => ({ ...component, ...FINDINGS[component.name] })),
    dependencies: dependencies
      .filter(({ ref }) => references.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => references.has(one)) })),
  };
}

const out = outputFile();
const sbom = forProduction(readFromNpm());
const incomplete = sbom.components.filter(
  ({ version, licenses, hashes }) => !version || !(licenses?.length > 0) || !(hashes?.length > 0),
);
if (incomplete.length > 0)
  fail(`no version, licence or hash is known of ${incomplete.map(({ name }) => name).join(', ')}`);
writeFileSync(out, `${JSON.stringify(sbom, undefined, 2)}\n`);
process.stdout.write(`${out}: ${sbom.components.length} components, CycloneDX ${sbom.specVersion}\n`);
