"""Options of `vllm serve`, by the versions that take them.

Read from the released packages 0.6.6.post1, 0.7.3, 0.8.5, 0.9.2, 0.10.2, 0.11.2, 0.14.1, 0.20.2, 0.24.0,
0.28.0 and 0.33.0: every `--…` that `vllm/engine/arg_utils.py` and the server's `cli_args.py` (below
`vllm/entrypoints/`) add to the parser. `--speculative-config` came with 0.8.2, next to the separate options
that 0.8.5 no longer has. A version between two that were read has what both have.
"""

SPANS: tuple[tuple[str, str | None, str], ...] = (
    (
        "0.6",
        "0.6",
        """
        quantization-param-path worker-use-ray
        """,
    ),
    (
        "0.6",
        "0.7",
        """
        disable-logprobs-during-spec-decoding ngram-prompt-lookup-max ngram-prompt-lookup-min
        num-speculative-tokens spec-decoding-acceptance-method speculative-disable-by-batch-size
        speculative-disable-mqa-scorer speculative-draft-tensor-parallel-size speculative-max-model-len
        speculative-model speculative-model-quantization typical-acceptance-sampler-posterior-alpha
        typical-acceptance-sampler-posterior-threshold
        """,
    ),
    (
        "0.6",
        "0.9",
        """
        device enable-prompt-adapter long-lora-scaling-factors max-prompt-adapter-token
        max-prompt-adapters multi-step-stream-outputs num-scheduler-steps override-neuron-config
        prompt-adapters qlora-adapter-name-or-path tokenizer-pool-extra-config tokenizer-pool-size
        tokenizer-pool-type use-v2-block-manager
        """,
    ),
    (
        "0.6",
        "0.10",
        """
        disable-async-output-proc enable-lora-bias guided-decoding-backend max-seq-len-to-capture
        preemption-mode rope-scaling rope-theta scheduler-delay-factor
        """,
    ),
    (
        "0.6",
        "0.11",
        """
        disable-mm-preprocessor-cache lora-extra-vocab-size num-lookahead-slots override-pooler-config
        task
        """,
    ),
    (
        "0.6",
        "0.14",
        """
        disable-frontend-multiprocessing disable-log-requests logits-processor-pattern swap-space
        """,
    ),
    (
        "0.6",
        None,
        """
        allow-credentials allowed-headers allowed-local-media-path allowed-methods allowed-origins
        api-key block-size chat-template chat-template-content-format code-revision
        collect-detailed-traces compilation-config config-format cpu-offload-gb
        disable-custom-all-reduce disable-fastapi-docs disable-log-stats disable-sliding-window
        distributed-executor-backend download-dir dtype enable-auto-tool-choice enable-chunked-prefill
        enable-lora enable-prefix-caching enable-prompt-tokens-details enable-request-id-headers
        enforce-eager fully-sharded-loras generation-config gpu-memory-utilization hf-overrides host
        ignore-patterns kv-cache-dtype kv-transfer-config limit-mm-per-prompt load-format lora-dtype
        lora-modules max-cpu-loras max-log-len max-logprobs max-lora-rank max-loras max-model-len
        max-num-batched-tokens max-num-seqs max-parallel-loading-workers middleware mm-processor-kwargs
        model model-loader-extra-config num-gpu-blocks-override otlp-traces-endpoint
        pipeline-parallel-size port quantization ray-workers-use-nsight response-role
        return-tokens-as-token-ids revision root-path scheduling-policy seed served-model-name
        skip-tokenizer-init ssl-ca-certs ssl-cert-reqs ssl-certfile ssl-keyfile tensor-parallel-size
        tokenizer tokenizer-mode tokenizer-revision tool-call-parser tool-parser-plugin
        trust-remote-code uvicorn-log-level worker-cls
        """,
    ),
    (
        "0.7",
        "0.9",
        """
        enable-reasoning
        """,
    ),
    (
        "0.7",
        "0.24",
        """
        calculate-kv-scales max-long-partial-prefills max-num-partial-prefills
        """,
    ),
    (
        "0.7",
        None,
        """
        additional-config config enable-sleep-mode long-prefill-token-threshold model-impl
        override-generation-config reasoning-parser scheduler-cls
        """,
    ),
    (
        "0.8",
        None,
        """
        data-parallel-size disable-cascade-attn disable-chunked-mm-input disable-uvicorn-access-log
        enable-expert-parallel enable-server-load-tracking enable-ssl-refresh hf-config-path hf-token
        prefix-caching-hash-algo show-hidden-metrics-for-version speculative-config use-tqdm-on-load
        worker-extension-cls
        """,
    ),
    (
        "0.9",
        "0.9",
        """
        expand-tools-even-if-tool-choice-none
        """,
    ),
    (
        "0.9",
        "0.10",
        """
        guided-decoding-disable-additional-properties guided-decoding-disable-any-whitespace
        guided-decoding-disable-fallback
        """,
    ),
    (
        "0.9",
        "0.11",
        """
        cuda-graph-sizes enable-multimodal-encoder-data-parallel eplb-log-balancedness
        eplb-step-interval eplb-window-size num-redundant-experts
        """,
    ),
    (
        "0.9",
        "0.24",
        """
        override-attention-dtype
        """,
    ),
    (
        "0.9",
        None,
        """
        api-server-count data-parallel-address data-parallel-backend data-parallel-rank
        data-parallel-rpc-port data-parallel-size-local data-parallel-start-rank
        disable-hybrid-kv-cache-manager enable-eplb enable-force-include-usage enable-prompt-embeds
        headless kv-events-config log-config-file media-io-kwargs pt-load-map-location
        """,
    ),
    (
        "0.10",
        None,
        """
        async-scheduling convert data-parallel-hybrid-lb decode-context-parallel-size default-mm-loras
        enable-log-outputs enable-log-requests enable-tokenizer-info-endpoint eplb-config
        exclude-tools-when-tool-choice-none h11-max-header-count h11-max-incomplete-event-size
        interleave-mm-strings io-processor-plugin kv-cache-memory-bytes kv-sharing-fast-prefill
        log-error-stack logits-processors logprobs-mode mamba-cache-dtype mamba-ssm-cache-dtype
        mm-encoder-tp-mode mm-processor-cache-gb runner safetensors-load-strategy skip-mm-profiling
        tool-server uds
        """,
    ),
    (
        "0.11",
        None,
        """
        aggregate-engine-logging all2all-backend allowed-media-domains cudagraph-capture-sizes
        data-parallel-external-lb dbo-decode-token-threshold dbo-prefill-token-threshold
        dcp-kv-cache-interleave-size disable-nccl-for-dp-synchronization ec-transfer-config enable-dbo
        enable-mm-embeds expert-placement-strategy kv-offloading-backend kv-offloading-size
        mamba-block-size master-addr master-port max-cudagraph-capture-size mm-encoder-attn-backend
        mm-processor-cache-type mm-shm-cache-max-object-size-mb nnodes node-rank pooler-config
        reasoning-parser-plugin stream-interval structured-outputs-config tokens-only
        trust-request-chat-template video-pruning-rate
        """,
    ),
    (
        "0.14",
        None,
        """
        allow-deprecated-quantization attention-backend attention-config cp-kv-cache-interleave-size
        cudagraph-metrics default-chat-template-kwargs enable-layerwise-nvtx-tracing enable-log-deltas
        enable-logging-iteration-details enable-mfu-metrics enable-offline-docs
        enable-return-routed-experts enable-tower-connector-lora kv-cache-metrics
        kv-cache-metrics-sample optimization-level prefill-context-parallel-size profiler-config
        ubatch-size
        """,
    ),
    (
        "0.20",
        None,
        """
        cpu-offload-params dcp-comm-backend disable-access-log-for-endpoints distributed-timeout-seconds
        enable-elastic-ep enable-ep-weight-filter enable-flash-late-interaction
        enable-flashinfer-autotune enable-mamba-cache-stochastic-rounding fail-on-environ-validation
        gdn-prefill-backend grpc ir-op-priority kernel-config kv-cache-dtype-skip-layers
        language-model-only lora-target-modules mamba-backend mamba-cache-mode mamba-cache-philox-rounds
        mm-encoder-only mm-tensor-ipc moe-backend numa-bind numa-bind-cpus numa-bind-nodes
        offload-backend offload-group-size offload-num-in-group offload-params offload-prefetch-step
        performance-mode reasoning-config renderer-num-workers scheduler-reserve-full-isl
        shutdown-timeout specialize-active-lora ssl-ciphers weight-transfer-config
        """,
    ),
    (
        "0.24",
        None,
        """
        cpu-distributed-timeout-seconds data-parallel-multi-port-external-lb
        data-parallel-supervisor-port device-ids diffusion-config dp-supervisor-probe-failure-threshold
        dp-supervisor-probe-interval-s dp-supervisor-probe-timeout-s enable-cumem-allocator
        enable-mixed-moe-lora-format fingerprint-mode fingerprint-value jit-monitor-verbose
        linear-backend mm-encoder-attn-dtype mm-encoder-fp8-scale-path mm-encoder-fp8-scale-save-margin
        mm-encoder-fp8-scale-save-path prefill-schedule-interval quantization-config
        safetensors-prefetch-block-size safetensors-prefetch-num-threads spec-method spec-model
        spec-tokens use-fp64-gumbel watermark
        """,
    ),
    (
        "0.28",
        "0.28",
        """
        enable-bf16x3-router-gemm
        """,
    ),
    (
        "0.28",
        None,
        """
        cohere-format cohere-is-reasoning-model ec-manager-config enable-fault-tolerance
        enable-moe-shared-loras enable-per-request-metrics fault-tolerance-config jit-monitor-mode
        kda-prefill-backend mamba-ssu-algorithm max-num-scheduled-tokens mm-device-do-normalize
        mm-hasher-algorithm mm-ipc-gpu-memory-gb mm-processor-device model-class-overrides
        prefix-match-unit replayssm-buffer-len return-sampling-mask use-replayssm video-pruning-method
        """,
    ),
    (
        "0.33",
        None,
        """
        anthropic-disabled-thinking-effort aux-output-config custom-histogram-buckets dcp-q-replicate
        device-memory-utilization dp-sync-interval elastic-ep-max-dp-size enable-batch-sharded-sampling
        enable-hc-sp enable-mamba-shared-prefix-checkpoint enable-nccl-comm-suspend enable-scale-out
        enable-shm-tensor-arena enable-trace-replay engram-config grpc-port kda-decode-backend log-level
        logging-config long-prefill-token-threshold-adaptive max-lora-cls-labels max-num-active-seqs
        max-num-queued-reqs max-num-queued-tokens monokernel per-request-spec-decode-metrics
        prefix-cache-retention-interval reasoning-effort-map sleep-mode-backend
        sleep-mode-offload-cudagraph sleep-preserve-parameter-names sparse-indexer-topk-backend
        sse-keep-alive-interval swa-bounded-replay tool-strict-level trust-request-mm-kwargs
        watchdog-config watermark-config
        """,
    ),
)
"""First version read with the options, last one (None: still there in the newest read), and their names."""
