# What emmeans says about groups, fixed values, numbers of two values, covariates, transformed outcomes, and what
# lme4's anova and emmeans' eff_size and equivalence tests say. Reads slopes.csv.gz, writes means.json. emmeans 1.8.4.
suppressMessages({library(lme4); library(lmerTest); library(emmeans); library(ordinal); library(jsonlite)})
emm_options(lmerTest.limit = 1e6)
all <- read.csv(gzfile("slopes.csv.gz"))
set <- function(id) { d <- all[all$set == id, ]; d$arm <- factor(d$arm, levels = c("control", "citation")); d$log2time <- NULL; d }
tab <- function(x) as.data.frame(summary(x, infer = c(TRUE, TRUE)))
out <- list()
g <- set("g3"); g$fast <- g$seconds < 12; g$dose <- c(10, 20, 40)[1 + as.integer(sub("Q", "", g$item)) %% 3]; g$dosef <- factor(g$dose)
ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
m <- lmerTest::lmer(time ~ arm * hedged + seconds + (1 | participant) + (1 | item), g, control = ctl)
e <- emmeans(m, ~ arm | hedged, cov.keep = "hedged", lmer.df = "satterthwaite")
out$by <- list(means = tab(e), pairs = tab(pairs(e)))
out$at <- list(means = tab(emmeans(m, ~ arm, at = list(seconds = 5, hedged = 1), lmer.df = "satterthwaite")))
e <- emmeans(m, ~ arm * hedged, cov.keep = "hedged", lmer.df = "satterthwaite")
out$both <- list(means = tab(e), pairs_holm = as.data.frame(summary(pairs(e, adjust = "holm"), infer = TRUE)), pairs_tukey = as.data.frame(summary(pairs(e, adjust = "tukey"), infer = TRUE)),
  interaction = tab(contrast(e, list(diff = c(1, -1, -1, 1)))))
m <- lmerTest::lmer(time ~ dosef + fast + (1 | participant) + (1 | item), g, control = ctl)
e <- emmeans(m, ~ dosef, lmer.df = "satterthwaite")
out$logical <- list(means = tab(e), fast = tab(emmeans(m, ~ fast, lmer.df = "satterthwaite")), control = as.data.frame(summary(contrast(e, "trt.vs.ctrl", ref = 2, adjust = "none"), infer = TRUE)),
  coef = as.list(fixef(m)))
g$positive <- exp(g$time / 4)
m <- lmerTest::lmer(log(positive) ~ arm + hedged + (1 | participant) + (1 | item), g, control = ctl)
out$log <- list(response = tab(emmeans(m, ~ arm, type = "response", lmer.df = "satterthwaite")), ratio = tab(pairs(emmeans(m, ~ arm, lmer.df = "satterthwaite"), type = "response")))
m0 <- lme4::lmer(log(positive) ~ hedged + (1 | participant) + (1 | item), g, control = ctl)
a <- anova(m0, m, refit = TRUE); out$lrt <- list(chisq = a$Chisq[2], df = a$Df[2], p = a[["Pr(>Chisq)"]][2])
e <- emmeans(m, ~ arm, lmer.df = "satterthwaite")
out$equivalence <- as.data.frame(test(pairs(e), delta = .1, side = "equivalence"))
p <- glm(links ~ arm * hedged, poisson, set("p1")); e <- emmeans(p, ~ arm | hedged, cov.keep = "hedged", type = "response")
out$poisson <- list(means = as.data.frame(summary(e)), pairs = as.data.frame(summary(pairs(e), infer = TRUE)), coef = as.list(coef(p)), se = as.list(sqrt(diag(vcov(p)))), logLik = as.numeric(logLik(p)))
b <- glm(agree ~ arm + seconds, binomial("probit"), set("b3")); out$probit <- list(coef = as.list(coef(b)), se = as.list(sqrt(diag(vcov(b)))), logLik = as.numeric(logLik(b)))
o <- set("o2"); o$rating <- factor(o$rating, ordered = TRUE); cl <- clm(rating ~ arm * hedged, data = o)
out$clm <- list(coef = as.list(coef(cl)), se = as.list(sqrt(diag(vcov(cl)))), logLik = as.numeric(logLik(cl)),
  latent = tab(emmeans(cl, ~ arm | hedged, cov.keep = "hedged", mode = "latent")), meanclass = tab(emmeans(cl, ~ arm | hedged, cov.keep = "hedged", mode = "mean.class")))
l <- lm(time ~ arm * dosef, g); out$lm <- list(coef = as.list(coef(l)), se = as.list(sqrt(diag(vcov(l)))), p = as.list(summary(l)$coefficients[, 4]), logLik = as.numeric(logLik(l)), sigma = sigma(l), pairs = tab(pairs(emmeans(l, ~ arm))))
coding <- function(f) colnames(model.matrix(f, g))
out$coding <- lapply(c("~ arm * dosef", "~ 0 + arm + dosef", "~ arm:dosef", "~ 0 + arm:dosef", "~ arm + arm:seconds", "~ seconds:arm", "~ fast * seconds * arm", "~ arm * dosef - arm",
  "~ (arm + dosef + fast)^2", "~ dosef:arm + arm"), function(f) list(formula = f, columns = coding(as.formula(f))))
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null"), "means.json")
