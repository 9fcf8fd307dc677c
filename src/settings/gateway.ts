// What nginx in front of a registry means for its settings: its image, who has a port, who has roles.
import type { Settings } from './settings.ts';
import { hasDockerAuth } from './token-server.ts';

type Front = Pick<Settings, 'gateway' | 'ui'>;
type Logins = Front & Pick<Settings, 'auth' | 'tokenRealm'>;

/** Tells whether nginx stands in front of the registry. */
export const hasGateway = ({ gateway, ui }: Front): boolean => gateway === true || ui === true;

/** Tells whether docker_auth has a port of its own on this machine. */
export const hasAuthPort = (settings: Logins): boolean => hasDockerAuth(settings) && !hasGateway(settings);

/** Returns the port of this machine at which docker_auth is reached. */
export const tokenPort = (settings: Logins & Pick<Settings, 'port' | 'authPort'>): number =>
  hasAuthPort(settings) ? settings.authPort : settings.port;

/** Returns the ports of this machine that the registry takes: its own first. */
export const portsTaken = (settings: Logins & Pick<Settings, 'port' | 'authPort'>): number[] => [
  ...new Set([settings.port, ...(hasDockerAuth(settings) ? [tokenPort(settings)] : [])]),
];

/** Tells whether some users may only pull: docker_auth sees to that, or the gateway. */
export const hasRoles = (settings: Logins): boolean =>
  settings.auth === 'token' || (settings.auth === 'htpasswd' && hasGateway(settings));

/** Tells whether the gateway must tell readers and writers apart: in token mode docker_auth does it. */
export const hasReaders = (settings: Logins & Pick<Settings, 'readers'>): boolean =>
  settings.auth === 'htpasswd' && hasGateway(settings) && settings.readers.length > 0;

/** Returns the image of the gateway. */
export const gatewayImage = ({ ui, uiImage }: Pick<Settings, 'ui' | 'uiImage'>): string =>
  uiImage ?? (ui ? 'joxit/docker-registry-ui:2' : 'nginx:stable-alpine');

/** The flag that names an image. */
export type ImageFlag = 'image' | 'auth-image' | 'ui-image';

/** Returns the images that a registry in containers is started from, each with its flag. */
export const imagesOf = (settings: Settings): { ref: string; flag: ImageFlag }[] => [
  { ref: settings.image, flag: 'image' },
  ...(hasDockerAuth(settings) ? [{ ref: settings.authImage, flag: 'auth-image' as const }] : []),
  ...(hasGateway(settings) ? [{ ref: gatewayImage(settings), flag: 'ui-image' as const }] : []),
];
