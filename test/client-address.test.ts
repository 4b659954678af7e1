/** The client's address behind proxies, and the network that shares a limit. */
import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { addressFromBytes, addressGroup, clientAddress } from '../src/access/client-address.js';

describe('the client behind proxies', () => {
  const socket = '10.0.0.1';
  const cases: [forwardedFor: string, hops: number, client: string][] = [
    ['203.0.113.9', 0, socket],
    ['', 1, socket],
    ['203.0.113.9', 1, '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9', 1, '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9,10.0.0.2', 2, '203.0.113.9'],
    ['203.0.113.9', 2, socket],
    ['unknown', 1, socket],
    ['203.0.113.9, ', 1, socket],
    ['203.0.113.9:5678', 1, '203.0.113.9'],
    ['2001:db8::1', 1, '2001:db8::1'],
    ['[2001:db8::1]:443', 1, '2001:db8::1'],
    ['[2001:db8::1]', 1, '2001:db8::1'],
    ['999.1.1.1', 1, socket],
  ];
  for (const [forwardedFor, hops, client] of cases) {
    test(`"${forwardedFor}" with ${hops} trusted is ${client}`, () =>
      assert.equal(clientAddress({ socketAddress: socket, forwardedFor, hops }), client));
  }

  test('is always an address, whatever the header says', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.ipV4(),
          fc.ipV6(),
          fc.array(fc.ipV6()).map((list) => list.join()),
        ),
        fc.integer({ min: 0, max: 16 }),
        (header, hops) => {
          const address = clientAddress({ socketAddress: socket, forwardedFor: header, hops });
          assert.ok(isIP(address) !== 0);
          assert.match(addressGroup(address), /^[\d.]+$|^([\da-f]{1,4}:){4}:\/64$/);
        },
      ),
    );
  });
});

describe('addresses that share a limit', () => {
  const cases: [address: string, group: string][] = [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ];
  for (const [address, group] of cases)
    test(`${address} counts as ${group}`, () => assert.equal(addressGroup(address), group));

  test('are those of one /64, and no others', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), (one, other) => {
        if ([one, other].some((address) => /^(0*:)*:?(0+:)*ffff:[\d.]+$/i.test(address))) return;
        const network = new BlockList();
        network.addSubnet(one, 64, 'ipv6');
        assert.equal(addressGroup(one) === addressGroup(other), network.check(other, 'ipv6'));
      }),
    );
  });
});

test("a socket's bytes in words", () => {
  assert.equal(addressFromBytes(Uint8Array.of(203, 0, 113, 9)), '203.0.113.9');
  assert.equal(addressFromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 203, 0, 113, 9)), '203.0.113.9');
  assert.equal(
    addressFromBytes(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
    '2001:db8:0:0:0:0:0:1',
  );
  assert.equal(addressFromBytes(new Uint8Array(16)), '0:0:0:0:0:0:0:0');
});
