# Reference numbers of Firth's penalised Cox models for survival.csv in a folder, as firth.json beside it. coxphf is not
# at hand: the penalised likelihood is put together from coxph's own likelihood and information at fixed coefficients
# and searched with differences of it, without any formula for its score.
#   Rscript firth.R FOLDER
# Packages: survival, jsonlite.
suppressMessages({ library(survival); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$any <- as.integer(s$cause > 0); s$place <- s$patient %% 3
s$only <- as.integer(s$any == 1 & s$arm == 1)   # separated: events in one arm only
s$month5 <- 5 * ceiling(s$month / 5); s$entry5 <- ifelse(s$entry >= s$month5, 0, s$entry)   # many ties
out <- list()

penalised <- function(formula, data, ties, weights = NULL) {
  data$.w <- if (is.null(weights)) 1 else data[[weights]]
  function(b) { m <- suppressWarnings(coxph(formula, data, ties = ties, init = b, weights = .w, robust = FALSE, control = coxph.control(iter.max = 0, timefix = FALSE)))
    m$loglik[2] - as.numeric(determinant(m$var)$modulus) / 2 } }
# central differences at three distances, extrapolated (Richardson)
slope <- function(f, b, j, h) { d <- sapply(c(h, h / 2, h / 4), function(k) { e <- replace(0 * b, j, k); (f(b + e) - f(b - e)) / (2 * k) })
  a <- (4 * d[2:3] - d[1:2]) / 3; (16 * a[2] - a[1]) / 15 }
gradient <- function(f, b, free, h) sapply(free, function(j) slope(f, b, j, h[j]))
bend <- function(f, b, free, h) { k <- length(free); H <- matrix(0, k, k)
  for (i in 1:k) for (j in 1:k) { u <- replace(0 * b, free[i], h[free[i]]); v <- replace(0 * b, free[j], h[free[j]])
    H[i, j] <- (f(b + u + v) - f(b + u - v) - f(b - u + v) + f(b - u - v)) / (4 * h[free[i]] * h[free[j]]) }
  H }
top <- function(f, b, free, h) { if (!length(free)) return(b)
  o <- optim(b[free], function(x) -f(replace(b, free, x)), method = "Nelder-Mead", control = list(reltol = 1e-13, maxit = 5000, parscale = 10 * h[free]))
  if (length(free) == 1) o <- optim(o$par, function(x) -f(replace(b, free, x)), method = "BFGS", control = list(reltol = 1e-14, parscale = 10 * h[free]))
  b[free] <- o$par; H <- bend(f, b, free, h)
  for (i in 1:12) b[free] <- b[free] - solve(H, gradient(f, b, free, h))
  b }
firth <- function(formula, data, ties = "efron", h, weights = NULL) { f <- penalised(formula, data, ties, weights); p <- length(h)
  best <- top(f, rep(0, p), 1:p, h); most <- f(best); se <- sqrt(diag(solve(-bend(f, best, 1:p, h))))
  profile <- function(j, v, from) { b <- top(f, replace(from, j, v), setdiff(1:p, j), h); list(b = b, value = f(b)) }
  limit <- function(j, sign) uniroot(function(v) 2 * (most - profile(j, v, best)$value) - qchisq(0.95, 1), sort(best[j] + sign * se[j] * c(0.8, 4)), tol = 1e-10, extendInt = if (sign > 0) "upX" else "downX")$root
  lr <- sapply(1:p, function(j) 2 * (most - profile(j, 0, best)$value))
  m <- suppressWarnings(coxph(formula, transform(data, .w = if (is.null(weights)) 1 else data[[weights]]), ties = ties, init = best, weights = .w, robust = FALSE, control = coxph.control(iter.max = 0, timefix = FALSE)))
  list(estimate = best, std_err = unname(sqrt(diag(m$var))), log_likelihood = c(f(rep(0, p)), most), low = sapply(1:p, limit, -1), high = sapply(1:p, limit, 1), chisq = lr) }

eight <- data.frame(month = 1:8, event = c(1, 1, 1, 1, 0, 0, 1, 0), z = rep(1:0, each = 4))
out$eight <- firth(Surv(month, event) ~ z, eight, h = 0.1)
out$separated_efron <- firth(Surv(month5, only) ~ arm + age, s[1:40, ], h = c(0.05, 0.002))
out$separated_breslow <- firth(Surv(month5, only) ~ arm + age, s[1:40, ], "breslow", h = c(0.05, 0.002))
out$late_strata <- firth(Surv(entry5, month5, any) ~ arm + ild + strata(place), s[1:60, ], h = c(0.05, 0.05))
s$whole <- 1 + s$patient %% 3
out$whole <- firth(Surv(month5, only) ~ arm + ild, s[1:40, ], "breslow", h = c(0.05, 0.05), weights = "whole")

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "firth.json"))
