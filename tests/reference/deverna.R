# R's own optimum for the published mixed model of DeVerna et al. (2024), with glmer's default stop and with a strict one.
# Usage: Rscript deverna.R TRIALS.csv deverna.json, where TRIALS.csv holds ResponseId, headline, Condition, agree and
# ai_correct for Belief, Control + Forced, definite verdicts (tests/analysis/plan/test_deverna.py says how they are made).
suppressMessages({library(lme4); library(jsonlite)})
files <- commandArgs(TRUE)
d <- read.csv(files[1]); d$headline <- factor(d$headline)
f <- agree ~ Condition * ai_correct + (1 | ResponseId) + (1 | headline)
strict <- glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-9), tolPwrss = 1e-12)
report <- function(m) { s <- summary(m)$coef
  list(term = rownames(s), estimate = unname(s[, 1]), se = unname(s[, 2]), log_likelihood = as.numeric(logLik(m)),
       sd = sapply(VarCorr(m), function(v) attr(v, "stddev")[[1]])) }
write_json(list(default = report(glmer(f, d, binomial)), strict = report(glmer(f, d, binomial, control = strict))),
           files[2], digits = 10, auto_unbox = TRUE, pretty = TRUE)
