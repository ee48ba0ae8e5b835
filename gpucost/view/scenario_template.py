"""The scenario file that `gpucost init` writes."""

TEMPLATE = """\
# What is to be served, how well, and within which limits: a file of scenarios for gpucost.
#
#   gpucost plan gpucost.yaml:chat               the best deployment
#   gpucost cost --scenario gpucost.yaml:chat    one question; so do size, throughput, bill, breakeven,
#                                                compare, simulate, traffic and train
#   gpucost schema scenario                      JSON Schema, for editors
#
# A question takes the keys that it has flags for; a flag on the command line wins. "#key:" is a key that is
# left out, with an example; "# text" is a comment. A list that is left out allows everything, unless it says
# otherwise. Files are seen from the folder of this one.

version: 1  # of this format
scenarios:  # by names of your own
  chat:  # letters, digits and the like: no space, ":" or "/"
    models:  # what may answer; commands that take one model take the first
      - model: meta-llama/Llama-3.1-8B-Instruct  # repository id, short id, or family and size
        #params: 8B  # instead of model: 70 (billions), 70B, 500M, 8x7B
        #config: ./config.json  # instead of model: config.json, a model folder or a .gguf file
        quantizations: [bf16, fp8, awq]  # weight formats allowed; left out: the model's own and usual ones
    workload:  # what comes
      input_tokens: 1000  # prompt of a request [tokens]
      output_tokens: 250  # answer of a request [tokens]
      requests_per_day: 20000  # mean rate [requests/day]; this, one of the next two, or trace
      #requests_per_month: 600000  # instead [requests per month of 730 h]
      #requests_per_second: 0.25  # instead [requests/s]
      #trace: ./requests.csv  # instead: a file of requests (CSV, JSON Lines, Parquet)
      #pattern: poisson  # poisson (random), uniform, bursty, diurnal, busy-hours; left out: as implied below
      #burst_size: 50  # bursty: requests that come at once [requests]
      #burst_interval_s: 600  # bursty: time between two bursts [s]; it makes a rate by itself
      #peak_to_mean: 2.5  # diurnal: rate of the peak over the mean rate
      #hours: 8  # diurnal: hours of the peak; busy-hours: hours of all traffic [h per day]
      prefix_cache_hit: 0.3  # share of the prompt that a prefix cache holds [0-1]; left out: 0
      max_context: 8192  # longest sequence that must fit [tokens]; left out: input and output
    slo:  # limits on latency; left out: none
      - ttft:p95<=1s  # ttft, tpot or e2e; mean or p50 to p99; ms or s
    constraints:  # what is allowed
      providers: [runpod, aws, modal]  # gpucost catalog list providers
      #regions: [global, us-east-1]  # of offers
      #gpus: [l4, l40s, a100-sxm-80gb, h100-sxm]  # gpucost catalog list gpus
      engines: [vllm]  # vllm, sglang, tensorrt-llm, llama.cpp; left out: vllm
      #billing: [flex, on-demand]  # left out: what anybody can rent now without a commitment
      max_gpus: 4  # most cards of one copy of the model [cards]; left out: 8
      max_cold_start_s: 120  # longest start of a worker that a request may meet [s]; left out: any
      single_provider: false  # true: no overflow from one provider to another; left out: false
      ecc: false  # true: only cards with error-correcting memory; left out: false
      spot: false  # true: also machines that the provider may take back; left out: false
      #max_usd_per_month: 2000  # most that a month may cost [USD/month]; left out: any
    budget:  # limits that a check keeps; what is left out is no limit
      usd_per_month: 1500  # most that a month may cost [USD/month]
      #usd_per_million_tokens: 12  # most per million tokens that are generated [USD/10^6 tokens]
      #ttft_p99_s: 2  # 99th percentile of the first token [s]
      #min_headroom: 0.2  # share of the capacity that stays free at the mean traffic [0-1]
      max_price_age_days: 180  # oldest price that may count [days]
      #providers: [runpod, aws]  # only these
      #max_increase_usd: 100  # most that a month may cost above the answer that was kept [USD/month]
      max_increase: 0.1  # the same as a share [0.1 = 10 %]
    baseline:  # what runs today; left out: nothing to compare with
      gpu: a100-sxm-80gb  # its card
      gpus: 1  # its cards [cards]; left out: 1
      quantization: bf16  # its weight format; left out: the model's own
      engine: vllm  # its engine; left out: vllm
      #usd_per_hour: 1.89  # price of all of it [USD/h]; left out: the cheapest on demand
      #tokens_per_second: 1800  # measured speed [output tokens/s]; left out: by the model of speed
      #concurrency: 32  # requests in flight [requests]
      utilisation: 1.0  # share of its speed that is used [0-1]; left out: 1
    #speculation:  # drafting that may be switched on; left out: none
    #  draft_tokens: 3  # drafted per pass [tokens]
    #  acceptance: 0.7  # probability that a drafted token is accepted [0-1]
    #  draft_model: meta-llama/Llama-3.2-1B-Instruct  # left out: the model's own prediction layers
    #as_of: "2026-11-20"  # prices of this day; left out: of today

  batch-70b:  # documents read overnight by a larger model: throughput counts, not latency
    models:  # as above
      - model: meta-llama/Llama-3.3-70B-Instruct  # as above
        quantizations: [fp8, awq]  # as above
    workload:  # as above
      input_tokens: 4000  # [tokens]
      output_tokens: 400  # [tokens]
      requests_per_day: 30000  # [requests/day]
      pattern: busy-hours  # all of them within the hours below
      hours: 8  # [h per day]
    slo:  # as above
      - e2e:mean<=120s  # a whole answer
    constraints:  # as above
      max_gpus: 4  # [cards]
      spot: true  # an interrupted request is asked again
"""
