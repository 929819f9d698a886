# Reference numbers of mixed models for visits.csv in a folder, as mixed.json beside it.
#   Rscript mixed.R FOLDER
# Packages: lme4, lmerTest, pbkrtest, emmeans, jsonlite.
suppressMessages({ library(lme4); library(lmerTest); library(pbkrtest); library(emmeans); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "visits.csv"))
v$patient <- factor(v$patient); v$centre <- factor(v$centre); v$visit_f <- factor(v$visit); v$armf <- factor(v$arm); v$years <- v$actual_month / 12
out <- list()
lmm <- function(m) { k <- summary(m, ddf = "Kenward-Roger")$coefficients; t <- summary(m, ddf = "Satterthwaite")$coefficients; vc <- as.data.frame(VarCorr(m))
  list(term = rownames(k), estimate = unname(k[, 1]), std_err_model = unname(t[, 2]), std_err_kr = unname(k[, 2]), df_kr = unname(k[, 3]), p_kr = unname(k[, 5]),
    df_satterthwaite = unname(t[, 3]), variance = list(group = vc$grp, var1 = vc$var1, var2 = vc$var2, value = vc$vcov), reml_criterion = unname(REMLcrit(m)), singular = isSingular(m)) }
out$lmm_slope_nested <- lmm(lmerTest::lmer(log2_ldh ~ arm * years + baseline + sex + (1 + years | patient) + (1 | centre), v, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))))
out$lmm_intercept <- lmm(lmerTest::lmer(log2_ldh ~ arm * years + baseline + sex + (1 | patient), v))
out$lmm_small <- lmm(lmerTest::lmer(log2_ldh ~ arm * years + (1 + years | patient), subset(v, as.integer(as.character(patient)) < 25), control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))))
e <- lmerTest::lmer(log2_ldh ~ armf * visit_f + baseline + sex + (1 | patient) + (1 | centre), v)
em <- summary(emmeans(e, ~ armf | visit_f, lmer.df = "kenward-roger")); out$emm_by_visit <- list(arm = as.character(em$armf), visit = as.character(em$visit_f), mean = em$emmean, std_err = em$SE, df = em$df, low = em$lower.CL, high = em$upper.CL)
ct <- summary(contrast(emmeans(e, ~ armf | visit_f, lmer.df = "kenward-roger"), "revpairwise"), infer = TRUE)
out$emm_difference_by_visit <- list(visit = as.character(ct$visit_f), estimate = ct$estimate, std_err = ct$SE, df = ct$df, low = ct$lower.CL, high = ct$upper.CL, p = ct$p.value)
out$versions <- lapply(c(R = "base", lme4 = "lme4", pbkrtest = "pbkrtest", emmeans = "emmeans"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = TRUE, na = "null", null = "null"), file.path(folder, "mixed.json"))
