# Reference numbers of what is asked of a fitted Cox model (proportional hazards, smoothed residuals, concordance,
# baseline, predictions) for survival.csv in a folder, as cox_followups.json beside it.
#   Rscript cox_followups.R FOLDER
# Packages: survival, splines, jsonlite.
suppressMessages({ library(survival); library(splines); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$any <- as.integer(s$cause > 0)
s$whole <- 1 + s$patient %% 3
s$kind <- factor(s$patient %% 4, labels = c("a", "b", "c", "d"))   # a factor of four levels
s$place <- s$patient %% 3; s$sole <- ifelse(s$place == 1, 0, s$ild)   # one value in one of three strata
tight <- coxph.control(eps = 1e-11, iter.max = 50, timefix = FALSE)
full <- Surv(month, any) ~ arm + age + ild
late <- Surv(entry, month, any) ~ arm + age + ild
fits <- list(
  plain = coxph(full, s, control = tight),
  breslow = coxph(full, s, ties = "breslow", control = tight),
  late = coxph(late, s, control = tight),
  strata = coxph(Surv(month, any) ~ arm + age + ild + strata(centre), s, control = tight),
  late_strata_breslow = coxph(Surv(entry, month, any) ~ arm + age + ild + strata(centre), s, ties = "breslow", control = tight),
  weighted = coxph(Surv(entry, month, any) ~ arm + age + ild, s, weights = weight, cluster = patient, control = tight),
  whole = coxph(full, s, weights = whole, ties = "breslow", robust = FALSE, control = tight),
  everything = coxph(Surv(entry, month, any) ~ arm + age + ild + strata(place), s, weights = weight, cluster = centre, control = tight))
out <- list()

# --- proportional hazards -----------------------------------------------------------------------------
zph <- function(m, ...) { z <- cox.zph(m, ...)$table; list(term = rownames(z), chisq = unname(z[, 1]), df = unname(z[, 2]), p = unname(z[, 3])) }
for (t in c("km", "rank", "identity")) out[[paste0("zph_", t)]] <- zph(fits$plain, transform = t)
# cox.zph leaves the weights out of its Kaplan-Meier curve; given the weighted curve it takes it
k <- survfit(Surv(entry, month, any) ~ 1, s, weights = weight)
out$zph_weighted <- zph(fits$everything, transform = function(t) 1 - c(1, k$surv)[findInterval(t, k$time, left.open = TRUE) + 1])
m <- coxph(Surv(month, any) ~ arm + kind + age, s, control = tight)
out$zph_terms <- zph(m); out$zph_columns <- zph(m, terms = FALSE)

# --- smoothed residuals: the construction of plot.cox.zph ---------------------------------------------------
smooth <- function(m, nsmo = 40, df = 4) { x <- cox.zph(m, terms = FALSE); xx <- x$x; pred <- seq(min(xx), max(xx), length = nsmo)
  lmat <- ns(c(pred, xx), df = df, intercept = TRUE); pmat <- lmat[1:nsmo, ]; xmat <- lmat[-(1:nsmo), ]
  first <- !duplicated(xx)
  res <- list(month = approx(xx[first], x$time[first], pred, rule = 2)$y)
  for (i in colnames(x$y)) { y <- x$y[, i]; keep <- !is.na(y); qmat <- qr(xmat[keep, ]); bk <- backsolve(qmat$qr[1:df, 1:df], diag(df))
    se <- sqrt(x$var[i, i] * rowSums((pmat %*% (bk %*% t(bk))) * pmat))
    res[[i]] <- list(curve = drop(pmat %*% qr.coef(qmat, y[keep])), std_err = se, events = sum(keep), residual_sum = sum(y[keep]), residual_squares = sum(y[keep]^2)) }
  res }
zphvar <- cox.zph
cox.zph <- function(...) { z <- zphvar(...); dimnames(z$var) <- list(colnames(z$y), colnames(z$y)); z }
out$smooth_plain <- smooth(fits$plain)
out$smooth_breslow <- smooth(fits$breslow)
out$smooth_late_strata <- smooth(fits$late_strata_breslow)
out$smooth_sole <- smooth(coxph(Surv(month, any) ~ arm + age + sole + strata(place), s, control = tight))

# --- concordance ------------------------------------------------------------------------------------------------
conc <- function(m, ...) { k <- concordance(m, timefix = FALSE, keepstrata = FALSE, ...); list(value = unname(k$concordance), std_err = sqrt(unname(k$var)), count = unname(k$count)) }
for (f in names(fits)) out[[paste0("concordance_", f)]] <- conc(fits[[f]])
# few values of the predictor: many ties
out$concordance_tied <- conc(coxph(Surv(entry, month, any) ~ arm + ild, s, control = tight))

# --- baseline and predictions -----------------------------------------------------------------------------------
months <- c(3, 6, 12, 24, 36)
new <- data.frame(arm = c(0, 1, 1), age = c(0, 55, 71.3), ild = c(0, 0, 1))
# one curve at a time: with strata and several persons survfit returns the curves in one column. The covariance goes
# along: which robust variance is the default is another question.
one <- function(m, person, conf) summary(survfit(m, newdata = person, conf.type = conf), times = months, extend = TRUE)
curves <- function(m, stratum = NULL) { values <- if (is.null(stratum)) 0 else head(sort(unique(s[[stratum]])), 3); rows <- list()
  for (i in seq_len(nrow(new))) for (v in values) { person <- new[i, ]; if (!is.null(stratum)) person[[stratum]] <- v
    a <- one(m, person, "log-log"); b <- one(m, person, "log")
    rows[[length(rows) + 1]] <- list(person = i, stratum = v, hazard = a$cumhaz, std_err = a$std.chaz, survival = a$surv, low = a$lower, high = a$upper, log_low = b$lower, log_high = b$upper) }
  list(month = months, covariance = unname(vcov(m)), curves = rows) }
stratum <- c(strata = "centre", late_strata_breslow = "centre", everything = "place")
for (f in names(fits)) out[[paste0("curves_", f)]] <- curves(fits[[f]], if (f %in% names(stratum)) stratum[[f]])
b <- basehaz(fits$plain, centered = FALSE); out$basehaz_plain <- list(month = b$time, hazard = b$hazard)
pred <- function(m) { z <- predict(m, new, type = "lp", reference = "zero", se.fit = TRUE); list(zero = unname(z$fit), zero_se = unname(z$se.fit)) }
for (f in c("plain", "weighted")) out[[paste0("predict_", f)]] <- pred(fits[[f]])
# coxph leaves columns of 0 and 1 out of its centring, and with delayed entry it centres by the mean without weights:
# the mean is given here
against <- function(m, w) { z <- sweep(as.matrix(new), 2, apply(s[, names(new)], 2, weighted.mean, w)); list(mean = drop(unname(z %*% coef(m))), mean_se = sqrt(unname(rowSums((z %*% vcov(m)) * z)))) }
out$predict_plain <- c(out$predict_plain, against(fits$plain, rep(1, nrow(s))))
out$predict_weighted <- c(out$predict_weighted, against(fits$weighted, s$weight))
# without weights, and with every column centred, this is predict's own reference
m <- coxph(full, s, nocenter = NULL, control = tight); z <- predict(m, new, type = "lp", reference = "sample", se.fit = TRUE)
stopifnot(all.equal(unname(z$fit), out$predict_plain$mean, tolerance = 1e-12), all.equal(unname(z$se.fit), out$predict_plain$mean_se, tolerance = 1e-9))

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, na = "null", null = "null"), file.path(folder, "cox_followups.json"))
