# Simulated experiments with random slopes, nested and several crossed factors, and what lme4, lmerTest,
# pbkrtest, glmmTMB and ordinal say about them. Writes slopes.csv.gz (all sets, column `set`) and slopes.json.
# R 4.2.2, lme4 1.1-31, lmerTest 3.1.3, pbkrtest 0.5.2, glmmTMB 1.1.5, ordinal 2022.11. Run: Rscript make_slopes.R
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest); library(glmmTMB); library(ordinal); library(jsonlite)})
people <- function(seed, np, nq, per = nq, sd = c(.8, .5), rho = .3, sdq = .6) {
  set.seed(seed)
  d <- do.call(rbind, lapply(seq_len(np), function(p) data.frame(participant = p, item = sort(sample(nq, per)))))
  d$arm <- c("control", "citation")[1 + d$participant %% 2]
  d$hedged <- rbinom(nrow(d), 1, .5)
  d$seconds <- round(rexp(nrow(d), 1 / 20), 3)
  b0 <- rnorm(np); b1 <- rho * b0 + sqrt(1 - rho^2) * rnorm(np); uq <- rnorm(nq, 0, sdq)
  d$eta <- .2 + .4 * (d$arm == "citation") - .5 * d$hedged + sd[1] * b0[d$participant] +
    sd[2] * b1[d$participant] * d$hedged + uq[d$item]
  d$participant <- sprintf("P%03d", d$participant); d$item <- sprintf("Q%02d", d$item)
  d
}
outcomes <- function(d) {
  d$time <- round(3 + d$eta + .02 * d$seconds + rnorm(nrow(d)), 6)
  d$agree <- rbinom(nrow(d), 1, plogis(d$eta))
  d$rating <- as.integer(cut(d$eta + rlogis(nrow(d)), c(-Inf, -1.5, -.3, .8, 2, Inf)))
  d$links <- rpois(nrow(d), exp(.3 * d$eta))
  d$eta <- NULL
  d
}
sets <- list(
  g1 = list(seed = 1, np = 60, nq = 12, f = "time ~ arm * hedged + (1 + hedged | participant) + (1 | item)", family = "gaussian"),
  g2 = list(seed = 2, np = 40, nq = 10, f = "time ~ arm + hedged + (1 + hedged || participant) + (1 | item)", family = "gaussian"),
  g3 = list(seed = 3, np = 50, nq = 16, per = 8, f = "time ~ arm + hedged + seconds + (1 + hedged | participant) + (1 + hedged | item)", family = "gaussian"),
  g4 = list(seed = 4, np = 45, nq = 9, sd = c(.8, 0), f = "time ~ hedged + (1 + hedged | participant)", family = "gaussian"),
  g5 = list(seed = 5, np = 36, nq = 20, per = 10, f = "time ~ arm + (1 | participant / hedged) + (1 | item)", family = "gaussian"),
  g6 = list(seed = 6, np = 80, nq = 30, per = 6, f = "time ~ seconds + (0 + seconds | participant) + (1 | item)", family = "gaussian"),
  b1 = list(seed = 11, np = 120, nq = 12, f = "agree ~ arm * hedged + (1 + hedged | participant) + (1 | item)", family = "binomial"),
  b2 = list(seed = 12, np = 100, nq = 16, per = 10, f = "agree ~ arm + hedged + (1 + hedged || participant) + (1 | item)", family = "binomial"),
  b3 = list(seed = 13, np = 90, nq = 14, sd = c(1, .9), f = "agree ~ hedged + (1 + hedged | participant) + (1 + hedged | item)", family = "binomial"),
  b4 = list(seed = 14, np = 70, nq = 18, per = 12, f = "agree ~ arm + (1 | participant / hedged) + (1 | item)", family = "binomial"),
  b5 = list(seed = 15, np = 100, nq = 10, f = "agree ~ arm + hedged + (1 | participant) + (1 | item)", family = "binomial", link = "probit"),
  p1 = list(seed = 21, np = 80, nq = 12, f = "links ~ arm + hedged + (1 + hedged | participant) + (1 | item)", family = "poisson"),
  o1 = list(seed = 31, np = 80, nq = 10, f = "rating ~ arm + hedged + (1 + hedged | participant)", family = "ordinal"),
  o2 = list(seed = 32, np = 60, nq = 12, f = "rating ~ arm * hedged + (1 | participant) + (1 | item)", family = "ordinal"),
  o3 = list(seed = 33, np = 90, nq = 12, sd = c(1.2, .9), f = "rating ~ hedged + (1 + hedged | participant)", family = "ordinal"))
sds <- function(v) lapply(v, function(x) list(sd = as.list(attr(x, "stddev")), cor = unname(attr(x, "correlation"))))
all <- list(); data <- list()
for (id in names(sets)) {
  s <- sets[[id]]
  args <- s[intersect(names(s), c("seed", "np", "nq", "per", "sd"))]
  d <- outcomes(do.call(people, args)); data[[id]] <- cbind(set = id, d)
  d$arm <- factor(d$arm, levels = c("control", "citation")); d$participant <- factor(d$participant); d$item <- factor(d$item)
  f <- as.formula(s$f); out <- list(formula = s$f, family = s$family, link = s$link, n = nrow(d))
  if (s$family == "gaussian") {
    ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
    m <- suppressMessages(lmerTest::lmer(f, d, control = ctl)); ml <- suppressMessages(lme4::lmer(f, d, REML = FALSE, control = ctl))
    c1 <- summary(m)$coefficients; c2 <- summary(m, ddf = "Kenward-Roger")$coefficients
    out <- c(out, list(coef = as.list(fixef(m)), se = as.list(c1[, "Std. Error"]), df = as.list(c1[, "df"]), kr_se = as.list(c2[, "Std. Error"]),
      kr_df = as.list(c2[, "df"]), logLik = as.numeric(logLik(m)), logLik_ML = as.numeric(logLik(ml)), sigma = sigma(m), sd = sds(VarCorr(m)),
      singular = isSingular(m), ranef = lapply(ranef(m), function(x) head(x, 3))))
  } else if (s$family != "ordinal") {
    fam <- if (is.null(s$link)) s$family else do.call(s$family, list(link = s$link))
    tmb <- glmmTMB(f, d, family = fam, control = glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-14)))
    out <- c(out, list(coef = as.list(fixef(tmb)$cond), se = as.list(sqrt(diag(vcov(tmb)$cond))), logLik = as.numeric(logLik(tmb)), sd = sds(VarCorr(tmb)$cond)))
    if (is.null(s$link)) { # glmer's Laplace uses expected weights, another number for links that are not canonical
      g <- suppressWarnings(suppressMessages(glmer(f, d, family = fam, control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e6), tolPwrss = 1e-12))))
      out$glmer <- list(coef = as.list(fixef(g)), logLik = as.numeric(logLik(g)), sd = sds(VarCorr(g)))
    }
  } else {
    d$rating <- factor(d$rating, ordered = TRUE)
    m <- clmm(f, data = d, link = "logit", control = clmm.control(gradTol = 1e-6))
    k <- length(coef(m))
    out <- c(out, list(coef = as.list(coef(m)), se = as.list(sqrt(diag(vcov(m)))[names(coef(m))]), logLik = as.numeric(logLik(m)), sd = sds(VarCorr(m))))
  }
  all[[id]] <- out; cat(id, out$logLik, "\n")
}
write(toJSON(all, digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null"), "slopes.json")
con <- gzfile("slopes.csv.gz"); write.csv(do.call(rbind, data), con, row.names = FALSE)
