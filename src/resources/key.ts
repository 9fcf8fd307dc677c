// What a resource is called in the journal.
import type { Program } from '../settings/settings.ts';
import type { Resource } from './resource.ts';

/** Resources of one key take each other's place: the journal and the oldest undo are kept by it. */
export function keyOf(resource: Resource): string {
  switch (resource.kind) {
    case 'dir':
    case 'file':
    case 'owner':
    case 'program':
    case 'binary':
    case 'copy':
      return `${resource.kind}:${resource.path}`;
    case 'image':
      return `${by(resource.engine)}image:${resource.ref}`;
    case 'timer':
    case 'account':
    case 'unit':
    case 'process':
    case 'trust':
    case 'hosts':
      return `${resource.kind}:${resource.name}`;
    // Only uninstall takes a package away: with another engine it may be wanted again.
    case 'package':
      return `kept:package:${resource.name}`;
    case 'engine':
      return 'kept:engine';
    case 'container':
      return `${by(resource.service.engine)}container:${resource.service.name}`;
    case 'daemonJson':
      return `daemonJson:${resource.daemon.config}:${resource.directive}:${resource.entry}`;
    case 'moved':
      return `moved:${resource.daemon.unit}:${resource.directive}`;
    case 'firewall':
      return Object.values(resource).join(':'); // another zone or address is another rule
    case 'login':
      return `login:${resource.tool}:${resource.registry}`;
    case 'gone':
      return resource.of;
  }
}

/** A container of another engine is another one, also when it has the same name. */
const by = (engine: Program = 'docker') => (engine === 'docker' ? '' : `${engine} `);
