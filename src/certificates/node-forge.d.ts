// Declares the parts of node-forge that are imported one by one: the whole of it takes ten times as long to load.
declare module 'node-forge/lib/asn1.js' {
  import { asn1 } from 'node-forge';
  export default asn1;
}
declare module 'node-forge/lib/pki.js' {
  import { pki } from 'node-forge';
  export default pki;
}
declare module 'node-forge/lib/pkcs12.js' {
  import { pkcs12 } from 'node-forge';
  export default pkcs12;
}
