import assert from "node:assert/strict";
import { addressKind } from "./addresses.ts";

const KINDS = {
  public: `8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 192.0.1.0 198.17.0.1
    198.20.0.1 223.255.255.255 2606:4700:4700::1111 2a00:1450::1 2001:200::1 ::ffff:8.8.8.8
    64:ff9b::8.8.8.8 2002:808:808::1`,
  private: `0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 172.16.0.1
    172.31.255.255 192.0.0.9 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255
    198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::10.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::FFFF:10.1.2.3 0:0:0:0:0:ffff:c0a8:1
    ::ffff:0:8.8.8.8 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:2::1 2001:db8::1
    2002:7f00:1::1 2002:a00:1:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1 fd12:3456::1 fec0::1
    ff02::1`,
  metadata: `169.254.169.254 169.254.0.1 fe80::1 febf::1 fd00:ec2::254 fd00:0ec2:0::0254
    ::ffff:169.254.169.254 ::ffff:a9fe:a9fe 64:ff9b::169.254.169.254 64:ff9b:1::a9fe:a9fe
    ::169.254.169.254 2002:a9fe:a9fe:: 100.100.100.200 168.63.129.16 fd20:ce::254`,
  invalid:
    `localhost 1.2.3 256.1.1.1 0x7f.0.0.1 127.0.0.1:80 [::1] 1::2::3 fe80::1%eth0 12345:: -1`,
} as const;

for (const [kind, addresses] of Object.entries(KINDS)) {
  Deno.test(`addressKind() knows what is ${kind}`, () => {
    for (const address of addresses.trim().split(/\s+/)) {
      assert.equal(addressKind(address), kind, address);
    }
    if (kind === "invalid") assert.equal(addressKind(""), kind);
  });
}
