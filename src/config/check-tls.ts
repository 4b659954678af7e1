/** What is wrong with certificates and keys, in one line: OpenSSL would find it too, but not say it. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PEM_CERTIFICATE = '-----BEGIN CERTIFICATE-----';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Clients must present a certificate that one of these authorities signed; undefined asks for none. */
  readonly clientCaFile: string | undefined;
}

export interface TlsCheck {
  /** Undefined where the server can start. */
  readonly mistake?: string;
  readonly warning?: string;
}

/** @param now milliseconds since 1970 */
export function checkTls({ certFile, keyFile, clientCaFile }: TlsFiles, now = Date.now()): TlsCheck {
  let place = `TLS_CERT_FILE: ${certFile}: is not a PEM certificate`;
  try {
    const certificate = readCertificate(certFile);
    if (certificate === undefined) return { mistake: isDer(certFile) ? `${place}, but one in DER` : place };
    place = `TLS_KEY_FILE: ${keyFile}: is not a PEM private key without a passphrase`;
    const key = createPrivateKey(readFileSync(keyFile));
    if (!certificate.checkPrivateKey(key)) {
      return { mistake: `TLS_KEY_FILE: ${keyFile}: is not the key of the certificate ${certFile}` };
    }
    if (clientCaFile !== undefined) {
      place = `TLS_CLIENT_CA_FILE: ${clientCaFile}: is not a PEM certificate`;
      if (readCertificate(clientCaFile) === undefined) return { mistake: place };
    }
    return validity(certificate, certFile, now);
  } catch {
    return { mistake: place };
  }
}

/** Undefined where the file is no PEM text. */
function readCertificate(path: string): X509Certificate | undefined {
  const bytes = readFileSync(path);
  return bytes.includes(PEM_CERTIFICATE) ? new X509Certificate(bytes) : undefined;
}

function isDer(path: string): boolean {
  try {
    return new X509Certificate(readFileSync(path)).serialNumber !== '';
  } catch {
    return false;
  }
}

function validity(certificate: X509Certificate, file: string, now: number): TlsCheck {
  const { validFrom, validTo } = certificate;
  if (Date.parse(validTo) < now) return { warning: `TLS_CERT_FILE: ${file}: has expired on ${validTo}` };
  if (Date.parse(validFrom) > now) return { warning: `TLS_CERT_FILE: ${file}: is not valid before ${validFrom}` };
  return {};
}
