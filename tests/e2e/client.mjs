// Runs under @kubernetes/client-node: list, informer, patch.
import * as k8s from '@kubernetes/client-node';

const config = new k8s.KubeConfig();
config.loadFromFile(process.argv[2]);
const core = config.makeApiClient(k8s.CoreV1Api);
const namespaces = await core.listNamespace();
if (!namespaces.items.some((n) => n.metadata.name === 'default')) throw new Error('no default');

const list = () => core.listNamespacedConfigMap({ namespace: 'default' });
const informer = k8s.makeInformer(config, '/api/v1/namespaces/default/configmaps', list);
const seen = [];
const done = new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error('too late, seen: ' + seen)), 20000);
  for (const verb of ['add', 'update', 'delete']) {
    informer.on(verb, (o) => {
      if (o.metadata.name !== 'n') return;
      seen.push(verb);
      if (verb === 'delete') resolve();
    });
  }
  informer.on('error', reject);
});
await informer.start();
await core.createNamespacedConfigMap({
  namespace: 'default', body: { metadata: { name: 'n' }, data: { k: '1' } },
});
await core.patchNamespacedConfigMap(
  { name: 'n', namespace: 'default', body: { data: { k: '2' } } },
  k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));
await core.deleteNamespacedConfigMap({ name: 'n', namespace: 'default' });
await done;
if (seen.join() !== 'add,update,delete') throw new Error('seen: ' + seen);
console.log('all well');
process.exit(0);
