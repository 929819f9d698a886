# Reference numbers of logistic mixed models with a random intercept of the centre: glmer with 25 points (75 for groups
# of at most five rows), for visits.csv in a folder and cbpp.csv, which it writes; as logistic_mixed.json beside it.
#   Rscript logistic_mixed.R FOLDER
# Packages: lme4 (and its data cbpp), jsonlite.
suppressMessages({ library(lme4); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "visits.csv"))
v <- v[v$visit == 3, ]; v$response <- as.integer(v$log2_ldh < 0.5)

# cbpp (contagious bovine pleuropneumonia, Lesnoff and others 2004) one animal a row
herds <- cbpp[rep(seq_len(nrow(cbpp)), cbpp$size), c("herd", "period")]
herds$case <- unlist(Map(function(k, n) rep(1:0, c(k, n - k)), cbpp$incidence, cbpp$size))
write.csv(herds, file.path(folder, "cbpp.csv"), row.names = FALSE, quote = FALSE)

# centres that differ less than chance would have them: the variance is zero
v$level[order(v$response, v$arm, v$patient)] <- seq_len(nrow(v)) %% 10
# many small groups: the visits of a patient
all <- read.csv(file.path(folder, "visits.csv")); all <- all[all$patient < 120, ]; all$response <- as.integer(all$log2_ldh < 0.5); all$year <- all$month / 12
# few centres
few <- v[v$centre %in% c(3, 4, 6, 7), ]

tight <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-13, optCtrl = list(rhoend = 1e-9, maxfun = 20000), check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore")
# second differences of the deviance function by Richardson, as the Hessian from which vcov comes has one step only
bend <- function(f, at, h) { k <- length(at); one <- function(s) { H <- matrix(0, k, k)
    for (i in 1:k) for (j in 1:k) { u <- replace(numeric(k), i, s * h[i]); w <- replace(numeric(k), j, s * h[j])
      H[i, j] <- (f(at + u + w) - f(at + u - w) - f(at - u + w) + f(at - u - w)) / (4 * s^2 * h[i] * h[j]) }; H }
  a <- one(1); b <- one(1 / 2); c <- one(1 / 4); d <- (4 * b - a) / 3; e <- (4 * c - b) / 3; (16 * e - d) / 15 }
slope <- function(f, at, h) sapply(seq_along(at), function(i) { u <- replace(numeric(length(at)), i, h[i])
  one <- function(s) (f(at + s * u) - f(at - s * u)) / (2 * s * h[i]); a <- one(1); b <- one(1 / 2); (4 * b - a) / 3 })
fit <- function(formula, data, profile = TRUE, points = 25) {
  m <- glmer(formula, data, family = binomial, nAGQ = points, control = tight)
  f <- update(m, devFunOnly = TRUE); at <- unname(c(getME(m, "theta"), fixef(m))); h <- rep(0.02, length(at))
  out <- list(term = names(fixef(m)), estimate = unname(fixef(m)), std_err = unname(sqrt(diag(as.matrix(vcov(m))))), sd = unname(getME(m, "theta")),
    log_likelihood = as.numeric(logLik(m)), ordinary = as.numeric(logLik(glm(nobars(formula), binomial, data))), mode = ranef(m)[[1]][[1]], spread = as.numeric(sqrt(attr(ranef(m, condVar = TRUE)[[1]], "postVar"))))
  if (at[1] > 0) {   # Newton's steps on the deviance, to where bobyqa would like to stop
    for (i in 1:3) at <- at - solve(bend(f, at, h), slope(f, at, h))
    out$better <- list(estimate = at[-1], sd = at[1], log_likelihood = -f(at) / 2, std_err = sqrt(diag(solve(bend(f, at, h) / 2)))[-1]) }
  if (profile) { ci <- suppressWarnings(confint(m, method = "profile", quiet = TRUE, devtol = 1e-6)); out$low <- unname(ci[, 1]); out$high <- unname(ci[, 2]) }
  out }
out <- list()
out$visits <- fit(response ~ arm + baseline + sex + (1 | centre), v)
out$cbpp <- fit(case ~ period + (1 | herd), herds)
out$zero <- fit(response ~ arm + baseline + (1 | level), v, FALSE)
out$patients <- fit(response ~ arm * year + (1 | patient), all, FALSE, 75)
out$few <- fit(response ~ arm + (1 | centre), few)
out$versions <- lapply(c(R = "base", lme4 = "lme4"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "logistic_mixed.json"))
