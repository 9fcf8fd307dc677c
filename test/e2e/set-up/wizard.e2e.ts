// A person at a terminal of 80 columns and 24 rows.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeAll, spawnPty } from '../../lab/host.ts';
import type { PtyOptions } from '../../lab/pty.ts';
import { portThief } from '../helpers/faults.ts';
import { ask, login, pull, push, run, startTeam, type Team } from '../helpers/machines.ts';
import { accept, answer, enterUntil, GO, PATIENCE, question } from '../helpers/terminal.ts';

let team: Team;
beforeAll(async () => {
  team = await startTeam({ systemNode: true });
});
beforeEach(async () => {
  await team.server.sh("pkill -f '[t]hief.py' || true");
  await team.server.reset();
});
afterAll(removeAll);

const start = (line: string, options?: PtyOptions) =>
  spawnPty(team.server, `registry-setup ${line}`, options);

describe('Enter all the way through', () => {
  it('gives a registry that another machine can use', async () => {
    const { server, dev } = team;
    const pty = start('');
    const review = await enterUntil(pty, GO);
    expect(review).toContain('and touch nothing else on this machine.');
    expect(await server.changes()).toEqual([]);
    const end = await accept(pty);

    // The summary is on one screen, with a password that is shown once and is nowhere else.
    expect(end).toContain('Your registry: https://');
    const [, password = ''] = /^ {2}admin +(\S{20,})$/m.exec(end) ?? [];
    expect(pty.history().split(password)).toHaveLength(2);
    const found = await server.sh(`grep -rlF -e ${password} /opt /etc /root /srv /tmp /var/log || true`);
    expect(found.stdout).toBe('');

    const address = `${server.ip}:5000`;
    await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
    await login(dev, address, 'admin', password);
    expect(await push(dev, `${address}/team/app:1`)).toBe(await pull(dev, `${address}/team/app:1`));

    // What it calls the same run without questions is just that.
    const again = /^ +registry-setup (--yes .*)$/m.exec(end)?.[1] ?? '';
    expect((await run(server, again)).stderr).toContain('Nothing to do');
  });

  it('leaves no line that is longer than 80 columns, in a terminal that has more', async () => {
    const pty = start('', { cols: 160, rows: 50 });
    await enterUntil(pty, GO);
    await accept(pty);
    // But for what is to be pasted.
    const isCommand = (line: string) => /^ {4}(npx |docker |registry-setup )/.test(line);
    const lines = pty.history().split('\n');
    expect(lines.filter((line) => line.length > 80 && !isCommand(line))).toEqual([]);
  });
});

describe('the review', () => {
  it('an answer can be changed there, and the change leads back to the review', async () => {
    const pty = start('--tls insecure --auth none');
    expect(await enterUntil(pty, GO)).toMatch(/Address +\S+:5000$/m);
    pty.key('down', 'enter');
    await question(pty, 'Which one');
    pty.key('down', 'enter');
    await answer(pty, 'Port', '5050');
    expect(await question(pty, GO)).toMatch(/Address +\S+:5050$/m);
    await accept(pty);
    expect(await ask(team.server, 'http://127.0.0.1:5050/v2/')).toBe('200 {}');
  });

  it('shows every file, and "no" writes none', async () => {
    const pty = start('--tls insecure --auth none');
    await enterUntil(pty, GO);
    pty.key('down', 'down', 'enter');
    await pty.waitFor(/\+WantedBy=timers\.target[\s\S]*Go ahead/, PATIENCE);
    expect(pty.history()).toContain('+++ /opt/registry/settings.yml');
    expect(pty.history()).toContain('docker run -d');
    pty.key('up', 'enter');
    expect(await pty.exitCode).toBe(0);
    expect(pty.screen()).toContain('Nothing was changed.');
    expect(await team.server.changes()).toEqual([]);
  });
});

describe('passwords', () => {
  it('are typed twice without being shown, and asked for again if they differ', async () => {
    const pty = start('--tls insecure');
    await enterUntil(pty, 'User name');
    await answer(pty, 'User name', 'ann');
    await answer(pty, 'Password for ann', 'battery-staple');
    await answer(pty, 'Repeat the password', 'battery-stable');
    await answer(pty, 'The passwords differ', 'y');
    await answer(pty, 'Password for ann', 'battery-staple');
    await answer(pty, 'Repeat the password', 'battery-staple');
    await answer(pty, 'One more user', 'y');
    await answer(pty, 'User name', 'bob');
    await enterUntil(pty, GO);
    const end = await accept(pty);
    expect(pty.history()).not.toMatch(/battery|stable/);
    const [, made = ''] = /^ {2}bob +(\S{20,})$/m.exec(end) ?? [];
    const url = 'http://127.0.0.1:5000/v2/';
    expect(await ask(team.server, url, 'ann:battery-staple')).toMatch(/^200/);
    expect(await ask(team.server, url, `bob:${made}`)).toMatch(/^200/);
    expect(await ask(team.server, url, 'ann:battery-stable')).toMatch(/^401/);
  });
});

describe('the menu of an existing registry', () => {
  it('removes a user only after an explicit yes, and leads back', async () => {
    const { server } = team;
    await run(server, '--yes --tls insecure --user ann --user bob --password-stdin', {
      input: 'ann:ann-pw\nbob:bob-pw',
    });
    const may = (who: string) => ask(server, 'http://127.0.0.1:5000/v2/', `${who}:${who}-pw`);
    const pty = start('');
    await question(pty, 'What would you like');
    pty.key('down', 'enter');
    await question(pty, 'Users');
    pty.key('down', 'down', 'enter');
    await question(pty, 'Whose');
    // The first one is under the cursor.
    pty.key('enter');
    await question(pty, 'Remove ann');
    pty.key('enter');
    // Back at the users, and nothing was done.
    await pty.waitFor(/Remove ann[^?]*\?[^?]*No\n\? Users/, PATIENCE);
    expect(await may('ann')).toMatch(/^200/);
    pty.key('down', 'down', 'enter');
    await pty.waitFor(/No\n(.*\n)*\? Whose/, PATIENCE);
    pty.key('down', 'enter');
    await question(pty, 'Remove bob');
    pty.type('y');
    pty.key('enter');
    expect(await pty.exitCode, pty.screen()).toBe(0);
    expect(pty.screen()).toContain('bob cannot log in any more.');
    expect([await may('ann'), await may('bob')]).toEqual([
      expect.stringMatching(/^200/),
      expect.stringMatching(/^401/),
    ]);
  });
});

describe('a port', () => {
  it('that is taken is reported while it is typed, and another one is offered', async () => {
    await team.server.sh(await portThief(team.server, 5000));
    const pty = start('--tls insecure --auth none');
    expect(await pty.waitFor(/^ {2}Found .*$/m, PATIENCE)).toMatch(/port 5000 is taken/);
    expect(await enterUntil(pty, 'Port')).not.toMatch(/^\? Port.*5000/m);
    pty.type('5000');
    await pty.waitFor(/^\? Port.*5000.*taken/m, PATIENCE);
    pty.key('enter');
    await pty.waitFor(/Port 5000 is taken/, PATIENCE);
    pty.key('backspace', 'backspace', 'backspace', 'backspace');
    pty.type('80a\r');
    await pty.waitFor(/number from 1 to 65535/, PATIENCE);
    pty.key('backspace', 'backspace', 'backspace');
    await answer(pty, 'Port', '5055');
    expect(await enterUntil(pty, GO)).toMatch(/Address +\S+:5055$/m);
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
  });
});

describe('Ctrl-C', () => {
  it.each(['Address', 'Port', 'Who may use it', 'Password', GO])(
    'at %s: 130, nothing written',
    async (at) => {
      const pty = start('--tls insecure');
      await enterUntil(pty, at);
      pty.key('ctrl-c');
      expect(await pty.exitCode).toBe(130);
      expect(pty.screen()).toContain('Nothing was changed.');
      expect(await team.server.changes()).toEqual([]);
    },
  );
});
