# Small-sample inference of linear mixed models: mixed_small_sample.json, and the data sets of it that are R's own.
#   Rscript mixed_small_sample.R FOLDER
# Packages: lme4, lmerTest, pbkrtest, nlme (Orthodont), jsonlite. visits.csv must be in the folder.
suppressMessages({ library(lme4); library(lmerTest); library(pbkrtest); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "visits.csv"))
v$patient <- factor(v$patient); v$centre <- factor(v$centre); v$visit_f <- factor(v$visit); v$armf <- factor(v$arm); v$years <- v$actual_month / 12
v$precision <- 0.5 + (seq_len(nrow(v)) %% 4) / 2
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5))
write.csv(lme4::sleepstudy, file.path(folder, "sleepstudy.csv"), row.names = FALSE)
o <- as.data.frame(nlme::Orthodont); o$Subject <- as.character(o$Subject); o$Sex <- as.character(o$Sex)
write.csv(o, file.path(folder, "orthodont.csv"), row.names = FALSE)
coefficients <- function(m) {
  k <- coef(summary(m, ddf = "Kenward-Roger")); t <- coef(summary(m, ddf = "Satterthwaite")); vc <- as.data.frame(VarCorr(m))
  list(term = rownames(k), estimate = unname(k[, 1]), std_err_model = unname(t[, 2]), std_err_kr = unname(k[, 2]), df_kr = unname(k[, 3]), p_kr = unname(k[, 5]),
    df_satterthwaite = unname(t[, 3]), variance = vc$vcov, reml_criterion = unname(REMLcrit(m)), singular = isSingular(m)) }
joint <- function(m, L) { kr <- contestMD(m, L, ddf = "Kenward-Roger"); s <- contestMD(m, L, ddf = "Satterthwaite")
  # lmerTest's Kenward-Roger statistic is pbkrtest's scaled F.
  full <- KRmodcomp(m, L)$stats
  list(kr_statistic = full$Fstat, kr_df1 = full$ndf, kr_df2 = full$ddf, kr_scale = full$F.scaling, kr_p = full$p.value,
    kr_again = c(kr[["F value"]], kr[["DenDF"]]), satterthwaite_statistic = s[["F value"]], satterthwaite_df2 = s[["DenDF"]], satterthwaite_p = s[["Pr(>F)"]]) }
out <- list()
a <- lmerTest::lmer(log2_ldh ~ armf * visit_f + baseline + sex + (1 | patient) + (1 | centre), v, control = tight)
n <- names(fixef(a)); pick <- function(rows) { L <- matrix(0, length(rows), length(n)); L[cbind(seq_along(rows), rows)] <- 1; L }
out$by_visit <- c(coefficients(a), list(interaction = joint(a, pick(grep("armf1:", n))), visit = joint(a, pick(grep("^visit_f", n))), sex_and_baseline = joint(a, pick(which(n %in% c("baseline", "sexM"))))))
few <- subset(v, as.integer(as.character(patient)) < 25)
b <- lmerTest::lmer(log2_ldh ~ armf * visit_f + (1 + years | patient), few, control = tight)
n <- names(fixef(b)); out$few_patients <- c(coefficients(b), list(interaction = joint(b, pick(grep("armf1:", n))), everything = joint(b, pick(seq_along(n)))))
e <- lmerTest::lmer(log2_ldh ~ arm * years + baseline + (1 + years | patient) + (1 + arm | centre), v, control = tight); out$centre_slope <- coefficients(e)
w <- lmerTest::lmer(log2_ldh ~ arm * years + baseline + (1 | patient) + (1 | centre), v, weights = precision, control = tight); out$weighted <- coefficients(w)
# A variance of centres at zero: the centres are taken out of the response.
fixed <- lm(log2_ldh ~ arm * years + baseline + centre, v)
v$flat <- v$log2_ldh - predict(fixed) + predict(fixed, transform(v, centre = factor(levels(v$centre)[1], levels(v$centre))))
s <- lmerTest::lmer(flat ~ arm * years + baseline + (1 | patient) + (1 | centre), v, control = tight); out$zero_centre <- c(coefficients(s), list(flat = v$flat))
m <- lmerTest::lmer(log2_ldh ~ arm * years + baseline + sex + (1 + years | patient) + (1 | centre), v, REML = FALSE, control = tight)
m0 <- lmerTest::lmer(log2_ldh ~ arm + years + baseline + sex + (1 + years | patient) + (1 | centre), v, REML = FALSE, control = tight)
t <- coef(summary(m, ddf = "Satterthwaite")); lr <- anova(m0, m)
out$ml <- list(term = rownames(t), estimate = unname(t[, 1]), std_err_model = unname(t[, 2]), df_satterthwaite = unname(t[, 3]), log_likelihood = as.numeric(logLik(m)), variance = as.data.frame(VarCorr(m))$vcov,
  chi_square = lr$Chisq[2], p = lr[["Pr(>Chisq)"]][2])
r <- ranef(a, condVar = TRUE); d <- as.data.frame(r)
out$random_effects <- list(group = as.character(d$grpvar), level = as.character(d$grp), value = d$condval)
out$sleepstudy <- coefficients(lmerTest::lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy, control = tight))
out$orthodont <- coefficients(lmerTest::lmer(distance ~ Sex * age + (1 | Subject), o, control = tight))
out$versions <- lapply(c(R = "base", lme4 = "lme4", lmerTest = "lmerTest", pbkrtest = "pbkrtest"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = TRUE, na = "null", null = "null"), file.path(folder, "mixed_small_sample.json"))
