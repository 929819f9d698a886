# Reference numbers of competing-risks methods for survival.csv in a folder, as competing.json beside it, and the columns
# of the mgus2 data of R's survival package that the anchors are computed from, as mgus2_competing.csv.
#   Rscript competing.R FOLDER
# Packages: survival, cmprsk, jsonlite.
suppressMessages({ library(survival); library(cmprsk); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$state <- factor(s$cause, 0:2); s$whole <- 1 + s$patient %% 3
s$third <- s$patient %% 3
rows <- s[rep(seq_len(nrow(s)), s$whole), ]; rows$id <- seq_len(nrow(rows))
out <- list()

# --- curves: Aalen-Johansen with the infinitesimal jackknife -------------------------------------------------------
months <- c(3, 6, 12, 24, 36)
curve <- function(f) { k <- summary(f, times = months); list(arm = rep(c(0, 1), each = length(months)), month = k$time,
  free = k$pstate[, 1], value1 = k$pstate[, 2], value2 = k$pstate[, 3], std_err1 = k$std.err[, 2], std_err2 = k$std.err[, 3],
  at_risk = k$n.risk[, 1]) }
out$curve <- curve(survfit(Surv(month, state) ~ arm, s))
out$curve_delayed_entry <- curve(survfit(Surv(entry, month, state) ~ arm, s, id = patient))
out$curve_weighted <- curve(survfit(Surv(month, state) ~ arm, s, weights = weight))
out$curve_delayed_entry_weighted <- curve(survfit(Surv(entry, month, state) ~ arm, s, weights = weight, id = patient))
out$curve_rows_repeated <- curve(survfit(Surv(entry, month, state) ~ arm, rows, id = id))
# --- time lost up to month 24: the influence of each person on the curve, integrated -------------------------------
lost <- function(a, entry, weight, tau = 24) { d <- s[s$arm == a, ]; w <- if (weight) d$weight else rep(1, nrow(d))
  d$from <- if (entry) d$entry else 0; d$w <- w
  f <- survfit(Surv(from, month, state) ~ 1, d, weights = w, id = patient, influence = TRUE)
  keep <- f$time <= tau; width <- diff(c(f$time[keep], tau))
  i <- f$influence.pstate[, -1, ] * d$w  # without time zero
  value <- function(k) sum(f$pstate[keep, k] * width)
  # influence.pstate: person x time x state; the sum of its squares must give survfit's own error
  error <- function(k) sqrt(sum((i[, keep, k] %*% width)^2))
  same <- max(abs(sqrt(colSums(i[, , 2]^2)) - f$std.err[, 2])); stopifnot(same < 1e-10)
  list(value1 = value(2), std_err1 = error(2), value2 = value(3), std_err2 = error(3)) }
for (e in c(FALSE, TRUE)) for (w in c(FALSE, TRUE))
  out[[paste0("time_lost_24", if (e) "_delayed_entry", if (w) "_weighted")]] <- list(lost(0, e, w), lost(1, e, w))

# --- cmprsk: Aalen's variance, Gray's test -------------------------------------------------------------------------
ci <- cuminc(s$month, s$cause, s$arm); tp <- timepoints(ci, months)
out$cuminc <- list(curve = rownames(tp$est), month = months, estimate = unname(tp$est), variance = unname(tp$var))
gray <- function(...) { g <- cuminc(s$month, s$cause, ...)$Tests; list(chisq = unname(g[, "stat"]), df = unname(g[, "df"]), p = unname(g[, "pv"])) }
out$gray <- gray(s$arm)
out$gray_rho_1 <- gray(s$arm, rho = 1)
out$gray_strata <- gray(s$arm, strata = s$centre)
out$gray_strata_rho_half <- gray(s$arm, strata = s$ild, rho = 0.5)
out$gray_centres <- gray(s$centre)
out$gray_three_groups_strata <- gray(s$third, strata = s$arm, rho = -0.5)

# --- crr -------------------------------------------------------------------------------------------------------------
x <- s[, c("arm", "age", "ild")]
fg <- function(m) list(term = names(m$coef), estimate = unname(m$coef), covariance = unname(m$var), log_likelihood = m$loglik, log_likelihood_null = m$loglik.null)
out$crr <- fg(crr(s$month, s$cause, x, failcode = 1, gtol = 1e-13, maxiter = 50))
out$crr_cause_2 <- fg(crr(s$month, s$cause, x, failcode = 2, gtol = 1e-13, maxiter = 50))
out$crr_censoring_groups <- fg(crr(s$month, s$cause, x, failcode = 1, cengroup = s$third, gtol = 1e-13, maxiter = 50))

# --- finegray and coxph ----------------------------------------------------------------------------------------------
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50)
cx <- function(m) list(term = names(coef(m)), estimate = unname(coef(m)), covariance = unname(vcov(m)), log_likelihood = m$loglik[2], log_likelihood_null = m$loglik[1], events = m$nevent)
model <- Surv(fgstart, fgstop, fgstatus) ~ arm + age + ild
d <- finegray(Surv(month, state) ~ ., s, etype = "1")
out$finegray_efron <- cx(coxph(model, d, weights = fgwt, cluster = patient, control = tight))
out$finegray_breslow <- cx(coxph(model, d, weights = fgwt, cluster = patient, ties = "breslow", control = tight))
out$finegray_cluster_centre <- cx(coxph(model, d, weights = fgwt, cluster = centre, ties = "breslow", control = tight))
d2 <- finegray(Surv(month, state) ~ ., s, etype = "2")
out$finegray_cause_2 <- cx(coxph(model, d2, weights = fgwt, cluster = patient, ties = "breslow", control = tight))
late <- finegray(Surv(entry, month, state) ~ ., s, etype = "1", id = patient)
late$patient <- as.integer(as.character(late$patient))
out$finegray_delayed_entry <- cx(coxph(model, late, weights = fgwt, cluster = patient, ties = "breslow", control = tight))
st <- finegray(Surv(month, state) ~ . + strata(third), s, etype = "1")
# Kept to show a difference: finegray with strata() gives those of a stratum rows at its own event times only, so that a
# coxph without strata misses them at the others' events.
out$finegray_strata_then_no_strata <- cx(coxph(model, merge(st, s[, c("patient", "third")]), weights = fgwt, cluster = patient, ties = "breslow", control = tight))
st$third <- s$third[match(st$patient, s$patient)]
out$finegray_strata <- cx(coxph(Surv(fgstart, fgstop, fgstatus) ~ arm + age + ild + strata(third), st, weights = fgwt, cluster = patient, ties = "efron", control = tight))
sl <- finegray(Surv(entry, month, state) ~ . + strata(third), s, etype = "1", id = patient)
sl$third <- s$third[match(sl$patient, s$patient)]
out$finegray_delayed_entry_strata <- cx(coxph(Surv(fgstart, fgstop, fgstatus) ~ arm + age + ild + strata(third), sl, weights = fgwt, cluster = patient, ties = "efron", control = tight))
# whole weights: rows repeated, so that the censoring distribution counts them too
rr <- finegray(Surv(entry, month, state) ~ ., rows, etype = "1", id = id)
out$finegray_rows_repeated <- cx(coxph(model, rr, weights = fgwt, cluster = id, ties = "breslow", control = tight))
# finegray multiplies its weights by those of the persons but estimates G without them
uw <- finegray(Surv(month, state) ~ ., s, etype = "1", weights = weight)
out$finegray_unweighted_censoring <- cx(coxph(model, uw, weights = fgwt, cluster = patient, ties = "breslow", control = tight))
# G by hand, with weights or in groups: those who have an event at a time leave before those who are censored at it
expand <- function(weight, group) { event <- sort(unique(s$month[s$cause == 1])); before <- list()
  for (g in unique(group)) local({ k <- group == g; d <- s[k, ]; w <- weight[k]; u <- sort(unique(d$month[d$cause == 0]))
    G <- cumprod(1 - sapply(u, function(v) sum(w[d$month == v & d$cause == 0]) / sum(w[d$month > v | (d$month == v & d$cause == 0)])))
    before[[paste(g)]] <<- function(t) c(1, G)[1 + findInterval(t, u, left.open = TRUE)] })
  do.call(rbind, lapply(seq_len(nrow(s)), function(i) { p <- s[i, ]; b <- before[[paste(group[i])]]; t <- event[event > p$month]
    now <- data.frame(start = 0, stop = p$month, status = as.integer(p$cause == 1), w = weight[i])
    if (p$cause == 2 && length(t)) now <- rbind(now, data.frame(start = c(p$month, head(t, -1)), stop = t, status = 0, w = weight[i] * b(t) / b(p$month)))
    now <- now[now$w > 0, ]
    cbind(now, arm = p$arm, age = p$age, ild = p$ild, patient = p$patient) })) }
own <- function(weight, group) cx(coxph(Surv(start, stop, status) ~ arm + age + ild, expand(weight, group), weights = w, cluster = patient, ties = "breslow", control = tight))
one <- rep(1, nrow(s))
same <- own(one, one)$estimate - out$finegray_breslow$estimate; stopifnot(max(abs(same)) < 1e-10)
out$finegray_weighted <- own(s$weight, one)
out$finegray_censoring_groups <- own(one, s$third)

# --- anchor: mgus2 -----------------------------------------------------------------------------------------------------
m <- mgus2; m$months <- with(m, ifelse(pstat == 0, futime, ptime)); m$cause <- with(m, ifelse(pstat == 0, 2 * death, 1))
m <- m[, c("id", "age", "sex", "months", "cause")]
write.csv(m, file.path(folder, "mgus2_competing.csv"), row.names = FALSE, quote = FALSE)
m$state <- factor(m$cause, 0:2)
g <- finegray(Surv(months, state) ~ ., m, etype = "1")
out$mgus2_finegray <- cx(coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, g, weights = fgwt, cluster = id, control = tight))
# without an id coxph takes every row of the expanded data for a person
out$mgus2_std_error_by_row <- unname(sqrt(diag(vcov(coxph(Surv(fgstart, fgstop, fgstatus) ~ age + sex, g, weights = fgwt, control = tight)))))
k <- summary(survfit(Surv(months, state) ~ sex, m), times = c(120, 240))
out$mgus2_curve <- list(sex = rep(c("F", "M"), each = 2), month = k$time, value = k$pstate[, 2], std_err = k$std.err[, 2])
t <- cuminc(m$months, m$cause, m$sex)$Tests
out$mgus2_gray <- list(chisq = unname(t[, "stat"]), p = unname(t[, "pv"]))

out$versions <- lapply(c(R = "base", survival = "survival", cmprsk = "cmprsk"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "competing.json"))
