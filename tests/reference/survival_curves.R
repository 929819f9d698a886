# Reference numbers of log-rank tests with rho, quantiles and restricted means for survival.csv and lung.csv in a folder,
# as survival_curves.json beside them.
#   Rscript survival_curves.R FOLDER
# Packages: survival, jsonlite.
suppressMessages({ library(survival); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$any <- as.integer(s$cause > 0)
l <- read.csv(file.path(folder, "lung.csv")); l$event <- l$status - 1
out <- list()

# --- G^rho -------------------------------------------------------------------------------------------------------
of <- function(d) { k <- length(d$n); if (is.matrix(d$obs)) { obs <- rowSums(d$obs); exp <- rowSums(d$exp); k <- nrow(d$obs) }
  else { obs <- d$obs; exp <- d$exp }
  list(chisq = d$chisq, df = k - 1, p = pchisq(d$chisq, k - 1, lower = FALSE), observed = as.vector(obs), expected = as.vector(exp)) }
for (rho in c(0, 0.5, 1, 2)) {
  name <- function(x) paste0("rho_", rho, "_", x)
  out[[name("arm")]] <- of(survdiff(Surv(month, any) ~ arm, s, rho = rho))
  out[[name("centre")]] <- of(survdiff(Surv(month, any) ~ centre, s, rho = rho))
  out[[name("arm_within_centre")]] <- of(survdiff(Surv(month, any) ~ arm + strata(centre), s, rho = rho))
  out[[name("centre_within_ild")]] <- of(survdiff(Surv(month, any) ~ centre + strata(ild), s, rho = rho))
  out[[name("lung_sex")]] <- of(survdiff(Surv(time, event) ~ sex, l, rho = rho))
}

# With delayed entry, which survdiff does not know: the definition, time by time and person by person.
late <- function(d, group, stratum, rho) {
  groups <- sort(unique(d[[group]])); k <- length(groups); obs <- exp <- numeric(k); var <- matrix(0, k, k)
  for (h in unique(d[[stratum]])) { x <- d[d[[stratum]] == h, ]; free <- 1
    for (t in sort(unique(x$month[x$any == 1]))) {
      risk <- x[x$entry < t & t <= x$month, ]; died <- risk[risk$month == t & risk$any == 1, ]
      n <- sapply(groups, function(g) sum(risk[[group]] == g)); e <- sapply(groups, function(g) sum(died[[group]] == g))
      w <- free^rho; obs <- obs + w * e; exp <- exp + w * sum(e) * n / sum(n); p <- n / sum(n)
      if (sum(n) > 1) var <- var + w^2 * sum(e) * (sum(n) - sum(e)) / (sum(n) - 1) * (diag(p, k) - p %o% p)
      free <- free * (1 - sum(e) / sum(n)) } }
  i <- seq_len(k - 1); chisq <- drop((obs - exp)[i] %*% solve(var[i, i, drop = FALSE], (obs - exp)[i]))
  list(chisq = chisq, df = k - 1, p = pchisq(chisq, k - 1, lower = FALSE), observed = obs, expected = exp) }
s$everybody <- 1
for (rho in c(0, 1)) {
  out[[paste0("late_rho_", rho, "_arm")]] <- late(s, "arm", "everybody", rho)
  out[[paste0("late_rho_", rho, "_arm_within_centre")]] <- late(s, "arm", "centre", rho)
  out[[paste0("late_rho_", rho, "_centre_within_ild")]] <- late(s, "centre", "ild", rho)
}

# --- quantiles with delayed entry and weights ----------------------------------------------------------------------
probabilities <- c(0.1, 0.25, 0.5, 0.75)
for (arm in 0:1) { f <- survfit(Surv(entry, month, any) ~ 1, s[s$arm == arm, ], weights = weight, conf.type = "log-log")
  q <- quantile(f, probabilities)
  out[[paste0("quantile_late_weighted_", arm)]] <- list(probability = probabilities, value = unname(q$quantile),
    low = unname(q$lower), high = unname(q$upper)) }

# --- restricted means: with delayed entry, and weighted through the influence of each person on the curve ------------
mean_of <- function(d, weighted, horizon) {
  f <- if (weighted) survfit(Surv(entry, month, any) ~ 1, d, weights = weight, influence = TRUE) else survfit(Surv(entry, month, any) ~ 1, d)
  if (!weighted) { r <- summary(f, rmean = horizon)$table; return(c(unname(r["rmean"]), unname(r["se(rmean)"]))) }
  keep <- f$time <= horizon; width <- diff(c(f$time[keep], horizon))
  c(f$time[1] + sum(f$surv[keep] * width), sqrt(sum((f$influence.surv[, keep, drop = FALSE] %*% width)^2))) }
for (weighted in c(FALSE, TRUE)) {
  both <- sapply(0:1, function(a) mean_of(s[s$arm == a, ], weighted, 24))
  # the ratio of survRM2's rmst2: log(m1 / m0) +- z sqrt(v1 / m1^2 + v0 / m0^2)
  out[[if (weighted) "rmst_late_weighted" else "rmst_late"]] <- list(mean = both[1, ], std_err = both[2, ],
    ratio = both[1, 2] / both[1, 1], log_ratio_std_err = sqrt(sum((both[2, ] / both[1, ])^2)))
}

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "survival_curves.json"))
