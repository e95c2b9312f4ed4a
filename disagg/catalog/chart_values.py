"""Which keys each chart's values document: a key that is not here would be ignored by helm.

Helm takes any key and says nothing, so a misspelt one is a setting that never happens. Paths are
dotted; `.*` at the end means that what is below is free or Kubernetes' own (affinity, tolerations,
resources, maps of the user). Of charts with hundreds of keys, those that bear on this project.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueKeys:
    """Documented keys of one chart at one version."""

    version: str
    keys: frozenset[str]
    source: Source


def _keys(version: str, reference: str, date: str, *paths: str) -> ValueKeys:
    source = Source(kind=Kind.PUBLISHED, reference=reference, date=date)
    keys = frozenset(path for text in paths for path in text.split())
    return ValueKeys(version=version, keys=keys, source=source)


CHART_VALUES: dict[str, ValueKeys] = {
    "hyperpod-helm-chart": _keys(
        "011ca927123e02b35a399935bbb3ab1905fe33c7",
        "aws/sagemaker-hyperpod-cli@011ca92 helm_chart/HyperPodHelmChart/values.yaml, readme.md",
        "2026-06-22",
        "global.region namespace.create namespace.name cert-manager.enabled mlflow.enabled",
        "trainingOperators.enabled inferenceOperators.enabled storage.enabled mpi-operator.enabled",
        "job-auto-restart.enabled deep-health-check.enabled hyperpod-patching.enabled",
        "gpu-operator.enabled cluster-role-and-bindings.enabled",
        "namespaced-role-and-bindings.enabled team-role-and-bindings.enabled",
        "health-monitoring-agent.enabled health-monitoring-agent.region",
        "health-monitoring-agent.hmaimage health-monitoring-agent.debug",
        "neuron-device-plugin.devicePlugin.enabled nvidia-device-plugin.devicePlugin.enabled",
        "nvidia-device-plugin.image.repository nvidia-device-plugin.image.tag",
        "aws-efa-k8s-device-plugin.image.repository aws-efa-k8s-device-plugin.image.tag",
        "nvidia-device-plugin.affinity.* nvidia-device-plugin.tolerations.*",
        "aws-efa-k8s-device-plugin.devicePlugin.enabled aws-efa-k8s-device-plugin.tolerations.*",
        "aws-efa-k8s-device-plugin.supportedInstanceLabels.values.*",
    ),
    "aws-load-balancer-controller": _keys(
        "3.5.0",
        "kubernetes-sigs/aws-load-balancer-controller v3.5.0 helm/.../values.yaml",
        "2026-08-03",
        "replicaCount revisionHistoryLimit image.repository image.tag image.pullPolicy",
        "imagePullSecrets.* nameOverride fullnameOverride serviceAccount.create",
        "serviceAccount.name serviceAccount.annotations.* rbac.create resources.*",
        "priorityClassName nodeSelector.* tolerations.* affinity.* configureDefaultAffinity",
        "topologySpreadConstraints.* podAnnotations.* podLabels.* additionalLabels.*",
        "enableCertManager clusterName ingressClass ingressClassParams.create",
        "ingressClassParams.name ingressClassParams.spec.* createIngressClassResource region vpcId",
        "vpcTags.* defaultTargetType defaultLoadBalancerScheme enablePodReadinessGateInject",
        "enableShield enableWaf enableWafv2 logLevel defaultTags.* podDisruptionBudget.*",
        "hostNetwork dnsPolicy env.* controllerConfig.featureGates.* enableServiceMutatorWebhook",
        "enableBackendSecurityGroup keepTLSSecret loadBalancerClass watchNamespace",
        "serviceMonitor.enabled",
    ),
    "karpenter": _keys(
        "1.14.1",
        "aws/karpenter-provider-aws@1d927085d charts/karpenter/values.yaml",
        "2026-08-21",
        "nameOverride fullnameOverride additionalLabels.* additionalAnnotations.* imagePullPolicy",
        "imagePullSecrets.* serviceAccount.create serviceAccount.name serviceAccount.annotations.*",
        "serviceMonitor.enabled serviceMonitor.additionalLabels.* replicas revisionHistoryLimit",
        "podLabels.* podAnnotations.* podDisruptionBudget.name podDisruptionBudget.maxUnavailable",
        "priorityClassName terminationGracePeriodSeconds hostNetwork dnsPolicy nodeSelector.*",
        "affinity.* topologySpreadConstraints.* tolerations.* controller.image.repository",
        "controller.image.tag controller.image.digest controller.env.* controller.resources.*",
        "controller.metrics.port controller.healthProbe.port logLevel settings.batchMaxDuration",
        "settings.batchIdleDuration settings.preferencePolicy settings.minValuesPolicy",
        "settings.clusterName settings.clusterEndpoint settings.isolatedVPC",
        "settings.eksControlPlane settings.vmMemoryOverheadPercent settings.interruptionQueue",
        "settings.enableZonalShift settings.reservedENIs settings.ignoreDRARequests",
        "settings.disableDryRun settings.amiRefreshInterval settings.subnetRefreshInterval",
        "settings.featureGates.nodeRepair settings.featureGates.nodeOverlay",
        "settings.featureGates.reservedCapacity settings.featureGates.spotToSpotConsolidation",
        "settings.featureGates.staticCapacity settings.featureGates.capacityBuffer",
        "settings.awsFeatureGates.nodeClassCEL",
    ),
    "lws": _keys(
        "0.10.0",
        "kubernetes-sigs/lws@060ab4d charts/lws/values.yaml",
        "2026-08-21",
        "nameOverride fullnameOverride enablePrometheus enableCertManager enableDisaggregatedSet",
        "replicaCount imagePullSecrets.* image.manager.repository image.manager.tag",
        "image.manager.pullPolicy podAnnotations.* podSecurityContext.* securityContext.*",
        "service.type service.port resources.* priorityClassName nodeSelector.* tolerations.*",
        "affinity.* gangSchedulingManagement.*",
    ),
    "keda": _keys(
        "2.20.2",
        "kedacore/charts@1444d00 keda/values.yaml",
        "2026-08-13",
        "image.keda.registry image.keda.repository image.keda.tag image.pullPolicy",
        "image.metricsApiServer.registry image.metricsApiServer.repository",
        "image.metricsApiServer.tag image.webhooks.registry image.webhooks.repository",
        "image.webhooks.tag clusterName clusterDomain crds.install crds.additionalAnnotations.*",
        "watchNamespace",
        "imagePullSecrets.* networkPolicy.enabled operator.name operator.replicaCount",
        "operator.affinity.* operator.nodeSelector.* operator.tolerations.* metricsServer.enabled",
        "metricsServer.replicaCount metricsServer.affinity.* metricsServer.tolerations.*",
        "webhooks.enabled webhooks.replicaCount webhooks.failurePolicy podDisruptionBudget.*",
        "resources.operator.* resources.metricServer.* resources.webhooks.* nodeSelector.*",
        "tolerations.* affinity.* priorityClassName prometheus.operator.enabled",
        "prometheus.operator.podMonitor.enabled prometheus.operator.serviceMonitor.enabled",
        "prometheus.metricServer.enabled",
    ),
    "kube-prometheus-stack": _keys(
        "88.5.3",
        "prometheus-community/helm-charts@cf408a290 charts/kube-prometheus-stack/values.yaml",
        "2026-08-22",
        "nameOverride fullnameOverride namespaceOverride commonLabels.* crds.enabled",
        "defaultRules.create defaultRules.rules.* alertmanager.enabled grafana.enabled",
        "kubernetesServiceMonitors.enabled kubeApiServer.enabled kubelet.enabled coreDns.enabled",
        "kubeControllerManager.enabled kubeEtcd.enabled kubeProxy.enabled kubeScheduler.enabled",
        "kubeStateMetrics.enabled nodeExporter.enabled prometheusOperator.enabled",
        *(
            f"{at}.registry {at}.repository {at}.tag"
            for at in (
                "prometheusOperator.image",
                "prometheusOperator.prometheusConfigReloader.image",
                "prometheusOperator.admissionWebhooks.patch.image",
                "prometheus.prometheusSpec.image",
                "kube-state-metrics.image",
                "prometheus-node-exporter.image",
            )
        ),
        "prometheusOperator.resources.* prometheusOperator.tolerations.* prometheus.enabled",
        "prometheus.prometheusSpec.podMonitorSelectorNilUsesHelmValues",
        "prometheus.prometheusSpec.ruleSelectorNilUsesHelmValues",
        "prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues",
        "prometheus.prometheusSpec.resources.* prometheus.prometheusSpec.retention",
        "prometheus.prometheusSpec.retentionSize prometheus.prometheusSpec.remoteWrite.*",
        "prometheus.prometheusSpec.storageSpec.* prometheus.prometheusSpec.tolerations.*",
    ),
    "gateway-api": _keys(
        "e7677b70ae75d14a4448fba94870e7deea6cf0ad",
        "kubernetes-sigs/gateway-api v1.5.1 config/crd: a kustomization, without values",
        "2026-03-14",
    ),
    "inference-extension": _keys(
        "df9f8909fe06fe2dfd4a6fc0bd0c01a0acabf849",
        "kubernetes-sigs/gateway-api-inference-extension v1.5.0 config/crd: a kustomization,"
        " without values",
        "2026-04-18",
    ),
    "istio-base": _keys(
        "1.30.3",
        "istio/istio 1.30.3 manifests/charts/base/values.yaml",
        "2026-07-13",
        "global.imagePullSecrets.* global.istioNamespace global.resourceScope",
        "base.excludedCRDs.* base.enableCRDTemplates base.enableIstioConfigCRDs defaultRevision",
    ),
    "agentgateway-crds": _keys(
        "v1.4.1",
        "agentgateway/agentgateway v1.4.1 controller/install/helm/agentgateway-crds: no values",
        "2026-08-21",
    ),
    "istiod": _keys(
        "1.30.3",
        "istio/istio 1.30.3 manifests/charts/istio-control/istio-discovery/values.yaml",
        "2026-07-13",
        "autoscaleEnabled autoscaleMin autoscaleMax replicaCount hub tag variant image resources.*",
        "seccompProfile.* env.* affinity.* tolerations.* nodeSelector.* podAnnotations.*",
        "topologySpreadConstraints.* deploymentLabels.* podLabels.* revision meshConfig.*",
        "gateways.securityContext.* gateways.seccompProfile.* gatewayClasses.* pdb.minAvailable",
        "global.istioNamespace global.imagePullPolicy global.imagePullSecrets.* global.logAsJson",
        "global.priorityClassName global.networkPolicy.enabled global.proxy.resources.*",
        "global.proxy.logLevel global.proxy.clusterDomain telemetry.enabled",
    ),
    "agentgateway": _keys(
        "v1.4.1",
        "agentgateway/agentgateway v1.4.1 controller/install/helm/agentgateway/values.yaml",
        "2026-08-21",
        "imagePullSecrets.* commonLabels.* nameOverride fullnameOverride serviceAccount.create",
        "serviceAccount.name deploymentAnnotations.* podAnnotations.* podLabels.* resources.*",
        "podSecurityContext.* securityContext.* nodeSelector.* tolerations.* affinity.*",
        "controller.replicaCount controller.priorityClassName controller.logLevel",
        "controller.xds.mode controller.podDisruptionBudget.* image.registry image.tag",
        "image.pullPolicy inferenceExtension.enabled gatewayClassName controllerName",
        "discoveryNamespaceSelectors.* monitoring.enabled",
    ),
    "nvidia-device-plugin": _keys(
        "0.20.0",
        "NVIDIA/k8s-device-plugin@1b826acc6 deployments/helm/nvidia-device-plugin/values.yaml",
        "2026-08-19",
        "config.name config.map.* config.default config.fallbackStrategies.* compatWithCPUManager",
        "migStrategy failOnInitError deviceListStrategy deviceIDStrategy nvidiaDriverRoot",
        "gdrcopyEnabled gdsEnabled mofedEnabled deviceDiscoveryStrategy nameOverride",
        "fullnameOverride namespaceOverride selectorLabelsOverride.* allowDefaultNamespace",
        "imagePullSecrets.* image.repository image.pullPolicy image.tag updateStrategy.type",
        "podAnnotations.* podSecurityContext.* securityContext.* resources.* nodeSelector.*",
        "affinity.* tolerations.* priorityClassName runtimeClassName devicePlugin.enabled",
        "gfd.enabled mps.root mps.enableHostPID cdi.nvidiaHookPath cdi.featureFlags",
    ),
    "aws-efa-k8s-device-plugin": _keys(
        "v0.5.30",
        "aws/eks-charts@5239609 stable/aws-efa-k8s-device-plugin/values.yaml",
        "2026-08-03",
        "image.repository image.tag securityContext.* supportedInstanceLabels.keys.*",
        "supportedInstanceLabels.values.* resources.* nodeSelector.* updateStrategy.type",
        "tolerations.* additionalPodAnnotations.* additionalPodLabels.* nameOverride",
        "fullnameOverride imagePullSecrets.*",
    ),
    "dra-driver-nvidia-gpu": _keys(
        "0.4.1",
        "kubernetes-sigs/dra-driver-nvidia-gpu@95932046 values.yaml (0.5.0-dev), install.md",
        "2026-08-07",
        "nvidiaDriverRoot nameOverride fullnameOverride namespaceOverride logVerbosity",
        "gpuResourcesEnabledOverride allowDefaultNamespace imagePullSecrets.* image.repository",
        "image.pullPolicy image.tag resources.gpus.enabled resources.computeDomains.enabled",
        "featureGates.* webhook.enabled controller.replicas controller.affinity.*",
        "controller.tolerations.* kubeletPlugin.priorityClassName kubeletPlugin.nodeSelector.*",
        "kubeletPlugin.affinity.* kubeletPlugin.tolerations.*",
    ),
    "aws-dranet": _keys(
        "1.0.0",
        "aws/eks-charts@5239609 stable/aws-dranet/values.yaml",
        "2026-08-03",
        "image.repository image.tag image.pullPolicy securityContext.* resources.*",
        "serviceAccount.create serviceAccount.name tolerations.* supportedInstanceLabels.keys.*",
        "supportedInstanceLabels.values.* nodeSelector.* podAnnotations.* podLabels.* nameOverride",
        "fullnameOverride imagePullSecrets.* updateStrategy.* priorityClassName deviceClass.create",
        "deviceClass.name healthPort verbosity filter",
    ),
    "dcgm-exporter": _keys(
        "4.8.2",
        "NVIDIA/dcgm-exporter@d5e5f51 deployment/values.yaml",
        "2026-05-12",
        "image.repository image.pullPolicy image.tag arguments.* imagePullSecrets.* nameOverride",
        "fullnameOverride namespaceOverride hostPID runtimeClassName priorityClassName hostNetwork",
        "serviceAccount.create rollingUpdate.maxUnavailable podLabels.* podAnnotations.*",
        "securityContext.* service.enable service.port resources.* serviceMonitor.enabled",
        "serviceMonitor.interval serviceMonitor.honorLabels serviceMonitor.additionalLabels.*",
        "nodeSelector.* tolerations.* affinity.* extraEnv.* kubeletPath",
        "kubernetes.enablePodLabels kubernetes.enablePodUID kubernetesDRA.enabled",
    ),
    "aws-fsx-csi-driver": _keys(
        "1.17.0",
        "kubernetes-sigs/aws-fsx-csi-driver@5b227125 charts/aws-fsx-csi-driver/values.yaml;"
        " node.region: templates/node-daemonset.yaml",
        "2026-04-21",
        "image.repository image.tag image.pullPolicy csidriver.fsGroupPolicy sidecars.*",
        "controller.replicaCount controller.resources.* controller.tolerations.*",
        "controller.affinity.* controller.region controller.logLevel controller.extraTags.*",
        "controller.serviceAccount.create controller.serviceAccount.name",
        "controller.serviceAccount.annotations.* controller.podDisruptionBudget.enabled",
        "node.region node.kubeletPath node.logLevel node.resources.* node.nodeSelector.*",
        "node.tolerateAllTaints node.tolerations.* node.affinity.* node.dnsPolicy node.dnsConfig.*",
        "node.serviceAccount.create node.serviceAccount.name node.serviceAccount.annotations.*",
        "nameOverride fullnameOverride imagePullSecrets.* nodeComponentOnly",
    ),
}
"""Documented keys by chart; a test holds each to the version of `charts.py`."""


def undocumented(keys: frozenset[str], values: Mapping[str, Any], at: str = "") -> list[str]:
    """Return the paths among values that are no documented key, in the order of the values.

    Example:
        >>> keys = frozenset({"image.tag", "tolerations.*"})
        >>> undocumented(keys, {"image": {"tags": "1"}, "tolerations": [{"key": "a"}]})
        ['image.tags']
    """
    found: list[str] = []
    for name, value in values.items():
        path = f"{at}{name}"
        if f"{path}.*" in keys or (path in keys and not isinstance(value, Mapping)):
            continue
        inside = any(key.startswith(f"{path}.") for key in keys)
        if inside and isinstance(value, Mapping):
            found += undocumented(keys, value, f"{path}.")
        else:
            found.append(path)
    return found
