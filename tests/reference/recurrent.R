# Reference numbers for events that come again, as recurrent.json in a folder, with the data that they are computed from:
# recurrent.csv (made here, without chance) and cgd.csv (data set of R's survival package).
#   Rscript recurrent.R FOLDER
# Packages: survival, jsonlite.
suppressMessages({ library(survival); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
out <- list()

# --- recurrent.csv: 90 persons, frailty, late entries, ties, death; a multiplicative generator, alike on every machine -----
seed <- 41
draw <- function() { seed <<- (seed * 16807) %% 2147483647; seed / 2147483647 }
rows <- list()
for (person in 1:90) {
  arm <- person %% 2; centre <- 1 + floor(6 * draw()); weight <- round(0.2 + draw(), 4)
  rate <- -log(draw()) * 0.10 * ifelse(arm == 1, 0.6, 1); death <- 1 + 0.5 * floor(-2 * log(draw()) / 0.02)
  entry <- if (draw() < 0.2) 0.5 * floor(draw() * 8) else 0
  last <- 5 + 0.5 * floor(draw() * 62); end <- min(last, death)
  while (entry < end) {
    month <- entry + 0.5 * (1 + floor(-2 * log(draw()) / rate))
    event <- as.integer(month <= end)
    month <- min(month, end)
    rows[[length(rows) + 1]] <- data.frame(person, arm, centre, entry, month, event, dead = as.integer(month == end & death <= last), weight)
    entry <- month
  }
}
r <- do.call(rbind, rows)
write.csv(r, file.path(folder, "recurrent.csv"), row.names = FALSE, quote = FALSE)

tight <- coxph.control(eps = 1e-11, iter.max = 50)
cox <- function(m) list(term = names(coef(m)), estimate = unname(coef(m)), std_err = unname(sqrt(diag(vcov(m)))), log_likelihood = m$loglik, n = m$n, events = m$nevent)
out$rate_ratio <- cox(coxph(Surv(entry, month, event) ~ arm + cluster(person), r, control = tight))
out$rate_ratio_strata <- cox(coxph(Surv(entry, month, event) ~ arm + strata(centre) + cluster(person), r, control = tight))
out$rate_ratio_weighted <- cox(coxph(Surv(entry, month, event) ~ arm + cluster(person), r, weights = weight, control = tight))

months <- c(0.5, 1, 3, 6, 12, 18, 24, 30)
number <- function(f, death = NULL) { at <- findInterval(months, f$time)
  o <- list(month = months, mean = c(0, f$cumhaz)[at + 1], std_err = c(0, f$std.chaz)[at + 1], at_risk = summary(f, times = months)$n.risk)
  if (!is.null(death)) { # Ghosh and Lin's estimate: the sum of S(t-) dN / n
    before <- c(1, death$surv)[findInterval(f$time, death$time, left.open = TRUE) + 1]
    o$ghosh_lin <- c(0, cumsum(before * diff(c(0, f$cumhaz))))[at + 1] }
  o }
for (a in 0:1) { d <- r[r$arm == a, ]
  out[[paste0("mean_number_", a)]] <- number(survfit(Surv(entry, month, event) ~ 1, d, id = person, robust = TRUE), survfit(Surv(entry, month, dead) ~ 1, d, id = person))
  out[[paste0("mean_number_weighted_", a)]] <- number(survfit(Surv(entry, month, event) ~ 1, d, id = person, weights = weight, robust = TRUE),
                                                      survfit(Surv(entry, month, dead) ~ 1, d, id = person, weights = weight)) }

# --- published anchor: infections in chronic granulomatous disease (Fleming and Harrington 1991) --------------------------
write.csv(cgd[, c("id", "treat", "age", "tstart", "tstop", "status")], file.path(folder, "cgd.csv"), row.names = FALSE, quote = FALSE)
out$cgd <- cox(coxph(Surv(tstart, tstop, status) ~ treat + age + cluster(id), cgd, control = tight))
days <- c(100, 200, 300, 365)
anchor <- function(d) { f <- survfit(Surv(tstart, tstop, status) ~ 1, d, id = id, robust = TRUE); at <- findInterval(days, f$time)
  list(day = days, mean = f$cumhaz[at], std_err = f$std.chaz[at]) }
out$cgd_mean <- list(placebo = anchor(cgd[cgd$treat == "placebo", ]), rIFN_g = anchor(cgd[cgd$treat == "rIFN-g", ]))

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "recurrent.json"))
