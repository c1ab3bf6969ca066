# What lme4 (with tight tolerances) and ordinal say about small_sets.csv.gz; null where R finds no fit.
# R 4.2.2, lme4 1.1-31, ordinal 2022.11. Run after make_small_sets.py: Rscript make_small_sets.R
suppressMessages({library(lme4); library(ordinal); library(jsonlite)})
all <- read.csv(gzfile("small_sets.csv.gz"))
spec <- fromJSON("small_sets.spec.json")
told <- function(m, coef, V) list(logLik = as.numeric(logLik(m)), coef = unname(coef), se = unname(sqrt(diag(as.matrix(V)))[seq_along(coef)]))
fit <- function(f, d, family) {
  if (family == "gaussian") {
    m <- lme4::lmer(f, d, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5)))
    return(told(m, fixef(m), vcov(m)))
  }
  if (family == "ordinal") {
    d$y <- factor(d$y, ordered = TRUE)
    m <- clmm(f, data = d)
    return(told(m, coef(m), vcov(m)))
  }
  tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e6), tolPwrss = 1e-12)
  m <- glmer(f, d, family = family, control = tight)
  told(m, fixef(m), vcov(m))
}
out <- lapply(seq_len(nrow(spec)), function(k) {
  d <- all[all$set == spec$set[k], ]
  d$p <- factor(d$p); d$i <- factor(d$i)
  r <- try(suppressWarnings(suppressMessages(fit(as.formula(spec$formula[k]), d, spec$family[k]))), silent = TRUE)
  if (inherits(r, "try-error")) r <- list(logLik = NULL, coef = NULL, se = NULL)
  c(list(set = spec$set[k], formula = spec$formula[k], family = spec$family[k]), r)
})
write(toJSON(out, digits = NA, auto_unbox = TRUE, null = "null", na = "null"), "small_sets.json")
