"""A CloudFormation template of a SageMaker real-time endpoint.

The images of AWS turn SM_VLLM_… and SM_SGLANG_… variables into options of the server, `true` into a bare one:
https://aws.github.io/deep-learning-containers/vllm/configuration/ and …/sglang/configuration/, read 2026-11.
"""

import re

from gpucost.domain.deployment import EngineKind
from gpucost.domain.launch import Launch
from gpucost.emit import engines
from gpucost.emit.command import Option
from gpucost.emit.manifest import document, header
from gpucost.emit.texts import refuse
from gpucost.units import SECONDS_PER_HOUR

_INSTANCE = re.compile(r"/(ml\.[a-z0-9-]+\.[0-9]*(?:xlarge|large|medium))")
_PREFIXES = {EngineKind.VLLM: "SM_VLLM_", EngineKind.SGLANG: "SM_SGLANG_"}
_MODEL = {EngineKind.VLLM: "--model", EngineKind.SGLANG: "--model-path"}
_VARIANT = "main"
# https://aws.github.io/deep-learning-containers/vllm/deployment/sagemaker/, read 2026-11
_IMAGE_ACCOUNT = "763104351884"
_VLLM_IMAGE = "vllm:server-sagemaker-cuda-v1"
_AMI = "al2-ami-sagemaker-inference-gpu-3-1"


def template(launch: Launch) -> str:
    """Model, endpoint and, where the plan scales, its scaling; IAM checks the callers, so there is no key.

    Raises ValueError where the engine has no SageMaker image or a value would be resolved by CloudFormation.
    """
    server = engines.command(launch)
    if launch.engine not in _PREFIXES:
        raise ValueError(f"engine: SageMaker has no image for {launch.engine}")
    refuse(launch, "{{resolve:", "which CloudFormation would replace")
    instance = instance_type(launch.offer)
    resources = _resources(launch, server.options, instance)
    parameters: dict[str, object] = {
        "ExecutionRoleArn": {"Type": "String", "Description": "Role that SageMaker runs the model with"},
        "ImageUri": _image_parameter(launch),
    }
    if instance is None:
        parameters["InstanceType"] = {"Type": "String", "Description": "ml.… with the cards of the plan"}
    notes = [
        f"ImageUri: pick one with {launch.engine} {launch.engine_version}; AWS numbers its images by itself.",
        "A gated model needs its weights in S3 (ModelDataSource): no token belongs into a template.",
    ]
    content = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": parameters,
        "Resources": resources,
        "Outputs": {"EndpointName": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}},
    }
    return header(launch, server, *notes) + document(content)


def instance_type(offer: str | None) -> str | None:
    """`ml.g6e.2xlarge` of `aws/sagemaker/ml.g6e.2xlarge@us-east-1`; None where the offer names none."""
    found = _INSTANCE.search(offer or "")
    return found.group(1) if found else None


def _image_parameter(launch: Launch) -> dict[str, object]:
    parameter: dict[str, object] = {"Type": "String", "Description": "Inference image of the engine"}
    if launch.engine is EngineKind.VLLM and launch.region is not None:
        parameter["Default"] = f"{_IMAGE_ACCOUNT}.dkr.ecr.{launch.region}.amazonaws.com/{_VLLM_IMAGE}"
    return parameter


def environment(launch: Launch, options: tuple[Option, ...]) -> dict[str, str]:
    """The options of the server as the variables that its SageMaker image reads."""
    prefix = _PREFIXES[launch.engine]
    rows = [Option(_MODEL[launch.engine], launch.model), *options]
    return {
        prefix + row.flag.removeprefix("--").replace("-", "_").upper(): "true"
        if row.value is None
        else row.value
        for row in rows
    }


def _resources(launch: Launch, options: tuple[Option, ...], instance: str | None) -> dict[str, object]:
    scaling = launch.scaling
    variant = {
        "VariantName": _VARIANT,
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InstanceType": instance if instance is not None else {"Ref": "InstanceType"},
        "InitialInstanceCount": launch.replicas if scaling is None else max(1, scaling.min_workers),
        "ContainerStartupHealthCheckTimeoutInSeconds": SECONDS_PER_HOUR,
        "InferenceAmiVersion": _AMI,
    }
    container = {"Image": {"Ref": "ImageUri"}, "Environment": environment(launch, options)}
    role = {"Ref": "ExecutionRoleArn"}
    config = {"EndpointConfigName": {"Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]}}
    resources: dict[str, object] = {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {"ExecutionRoleArn": role, "PrimaryContainer": container},
        },
        "EndpointConfig": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {"ProductionVariants": [variant]},
        },
        "Endpoint": {"Type": "AWS::SageMaker::Endpoint", "Properties": config},
    }
    if scaling is not None:
        resources |= _scaling(launch)
    return resources


def _scaling(launch: Launch) -> dict[str, object]:
    """Target tracking on requests in flight.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-cloudformation.html, read 2026-11.

    A variant keeps one instance at least; only inference components go to none.
    """
    scaling = launch.scaling
    if scaling is None:
        return {}
    in_flight = scaling.scaler_value if scaling.scaler == "concurrency" else float(launch.max_num_seqs)
    resource = {"Fn::Sub": f"endpoint/${{Endpoint.EndpointName}}/variant/{_VARIANT}"}
    target = {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": resource,
        "MinCapacity": max(1, scaling.min_workers),
        "MaxCapacity": max(1, scaling.max_workers),
    }
    tracking = {
        "TargetValue": in_flight,
        "ScaleInCooldown": scaling.idle_timeout_s,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
        },
    }
    policy = {
        "PolicyName": "requests-in-flight",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": {"Ref": "ScalingTarget"},
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }
    return {
        "ScalingTarget": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target},
        "ScalingPolicy": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": policy},
    }
