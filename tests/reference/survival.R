# Reference numbers of survival methods for survival.csv in a folder, as survival.json beside it, and the data sets of
# R's survival package (lung, ovarian, pbc) that the anchors are computed from.
#   Rscript survival.R FOLDER
# Packages: survival, jsonlite.
suppressMessages({ library(survival); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$any <- as.integer(s$cause > 0); s$failure <- as.integer(s$cause == 1)
out <- list()

# --- curves -------------------------------------------------------------------------------------
months <- c(6, 12, 24, 36)
km <- function(f) { k <- summary(f, times = months); list(arm = rep(c(0, 1), each = 4), month = k$time, at_risk = k$n.risk,
  survival = k$surv, std_err = k$std.err, low = k$lower, high = k$upper) }
out$km_by_arm <- km(survfit(Surv(month, any) ~ arm, s, conf.type = "log-log"))
out$km_by_arm_delayed_entry <- km(survfit(Surv(entry, month, any) ~ arm, s, conf.type = "log-log"))
# Weights that are not whole numbers make survfit's standard error robust (infinitesimal jackknife); whole ones do not.
out$km_by_arm_weighted <- km(survfit(Surv(month, any) ~ arm, s, weights = weight, conf.type = "log-log"))
s$whole <- 1 + s$patient %% 3
out$km_by_arm_whole_weights <- km(survfit(Surv(month, any) ~ arm, s, weights = whole, conf.type = "log-log"))
w <- survfit(Surv(entry, month, any) ~ arm, s, weights = weight, conf.type = "log-log")
out$km_by_arm_delayed_entry_weighted <- km(w)
f <- survfit(Surv(month, any) ~ arm, s, conf.type = "log-log"); q <- quantile(f, c(0.25, 0.5, 0.75, 0.95))
out$quantile_by_arm <- list(probability = c(0.25, 0.5, 0.75, 0.95), arm0 = list(value = q$quantile[1, ], low = q$lower[1, ], high = q$upper[1, ]),
  arm1 = list(value = q$quantile[2, ], low = q$lower[2, ], high = q$upper[2, ]))
r <- summary(survfit(Surv(month, any) ~ arm, s), rmean = 24)$table
out$rmst_24 <- list(arm = c(0, 1), mean = unname(r[, "rmean"]), std_err = unname(r[, "se(rmean)"]))
# Weighted restricted means: the weighted influence of each person on the curve, integrated to month 24 (survfit prints
# Greenwood's standard error, which takes weights for numbers of persons).
area <- function(a) { d <- s[s$arm == a, ]; f <- survfit(Surv(month, any) ~ 1, d, weights = weight, influence = TRUE)
  keep <- f$time <= 24; t <- c(f$time[keep], 24); width <- diff(t)
  list(mean = f$time[1] + sum(f$surv[keep] * width), std_err = sqrt(sum((f$influence.surv[, keep, drop = FALSE] %*% width)^2))) }
both <- lapply(c(0, 1), area)
out$rmst_24_weighted <- list(arm = c(0, 1), mean = sapply(both, `[[`, "mean"), std_err = sapply(both, `[[`, "std_err"))

# --- log-rank ------------------------------------------------------------------------------------
test <- function(d) list(chisq = d$chisq, df = length(d$n) - 1, p = pchisq(d$chisq, length(d$n) - 1, lower = FALSE))
out$logrank <- test(survdiff(Surv(month, any) ~ arm, s))
d <- survdiff(Surv(month, any) ~ arm + strata(centre), s)
out$logrank_stratified_by_centre <- list(chisq = d$chisq, df = 1, p = pchisq(d$chisq, 1, lower = FALSE))
out$logrank_by_centre <- test(survdiff(Surv(month, any) ~ centre, s))
# survdiff knows no delayed entry; the score test of coxph with exact ties is the same test. Exact ties are slow: 60 rows.
out$logrank_delayed_entry_first_60 <- list(chisq = coxph(Surv(entry, month, any) ~ arm, s[1:60, ], ties = "exact")$score)

# --- Cox ------------------------------------------------------------------------------------------
cox <- function(m) list(term = names(coef(m)), estimate = unname(coef(m)), std_err = unname(sqrt(diag(vcov(m)))), log_likelihood = m$loglik, n = m$n, events = m$nevent)
zph <- function(m) { z <- cox.zph(m)$table; list(term = rownames(z), chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3])) }
tight <- coxph.control(eps = 1e-11, iter.max = 50)
all <- Surv(month, any) ~ arm + age + ild
fits <- list(cox = coxph(all, s, control = tight), cox_breslow = coxph(all, s, ties = "breslow", control = tight),
  cox_delayed_entry = coxph(Surv(entry, month, any) ~ arm + age + ild, s, control = tight),
  cox_strata_centre = coxph(Surv(month, any) ~ arm + age + ild + strata(centre), s, control = tight),
  cox_cluster_centre = coxph(all, s, cluster = centre, control = tight),
  cox_weighted_robust = coxph(Surv(month, any) ~ arm, s, weights = weight, cluster = patient, control = tight),
  cox_everything = coxph(Surv(entry, month, any) ~ arm + age + ild + strata(centre), s, weights = weight, cluster = centre, control = tight),
  cox_cause_specific = coxph(Surv(month, failure) ~ arm + age + ild, s, control = tight))
for (name in names(fits)) out[[name]] <- cox(fits[[name]])
out$cox_ph_test <- zph(fits$cox)
out$cox_ph_test_breslow <- zph(fits$cox_breslow)
out$cox_ph_test_delayed_entry_strata <- zph(coxph(Surv(entry, month, any) ~ arm + age + strata(centre), s, control = tight))

# --- anchors: data sets of the survival package -----------------------------------------------------
write.csv(lung[, c("inst", "time", "status", "age", "sex", "ph.ecog")], file.path(folder, "lung.csv"), row.names = FALSE, quote = FALSE)
write.csv(ovarian[, c("futime", "fustat", "rx")], file.path(folder, "ovarian.csv"), row.names = FALSE, quote = FALSE)
write.csv(pbc[1:312, c("time", "status", "trt")], file.path(folder, "pbc.csv"), row.names = FALSE, quote = FALSE)

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "survival.json"))
