# CR2 with Satterthwaite's degrees of freedom, AHT tests and estimating equations, as clustered.json beside visits.csv.
#   Rscript clustered.R FOLDER
# Models are iterated to the end (glm stops at 1e-8 and geeglm at 1e-4 by default, which moves the sixth digit).
# Packages: clubSandwich, geepack, lme4 (sleepstudy), jsonlite.
suppressMessages({ library(clubSandwich); library(geepack); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "visits.csv"))
v <- v[order(v$centre, v$patient, v$visit), ]
v$w <- 1 + (v$patient + v$visit) %% 3; v$count <- floor(3 * 2^v$log2_ldh); v$fall <- as.integer(v$log2_ldh < 0.5); v$one <- as.integer(v$centre == 7); v$row <- seq_len(nrow(v))
last <- v[v$visit == 3, ]
end <- glm.control(epsilon = 1e-15, maxit = 100)
case <- function(m, cluster, tests = list(), contrasts = NULL) {
  V <- vcovCR(m, cluster = cluster, type = "CR2"); k <- coef_test(m, vcov = V, test = "Satterthwaite")
  out <- list(term = rownames(k), estimate = k$beta, std_err = k$SE, df = k$df_Satt, p = k$p_Satt, covariance = unname(matrix(as.numeric(V), nrow(V))))
  if (length(tests)) out$tests <- lapply(tests, function(terms) { w <- Wald_test(m, constrain_zero(match(terms, names(coef(m)))), vcov = V, test = "HTZ"); list(terms = terms, statistic = w$Fstat, df1 = w$df_num, df2 = w$df_denom, p = w$p_val, scale = w$delta) })
  # linear_contrast of clubSandwich 0.5.8 fails on lm with weights (it uses q before setting it): there by Wald_test
  if (!is.null(contrasts) && inherits(m, "lm") && !inherits(m, "glm") && !is.null(weights(m))) {
    w <- lapply(seq_len(nrow(contrasts)), function(i) Wald_test(m, contrasts[i, , drop = FALSE], vcov = V, test = "HTZ")); est <- as.numeric(contrasts %*% coef(m))
    f <- sapply(w, function(x) x$Fstat); df <- sapply(w, function(x) x$df_denom); se <- abs(est) / sqrt(f); r <- qt(0.975, df) * se
    out$functions <- list(rows = unname(contrasts), estimate = est, std_err = se, df = df, low = est - r, high = est + r, p = sapply(w, function(x) x$p_val))
  } else if (!is.null(contrasts)) { l <- linear_contrast(m, V, contrasts, p_values = TRUE); out$functions <- list(rows = unname(contrasts), estimate = l$Est, std_err = l$SE, df = l$df, low = l$CI_L, high = l$CI_U, p = l$p_val) }
  out
}
out <- list()
sleep <- lme4::sleepstudy; out$sleepstudy_data <- list(y = sleep$Reaction, time = sleep$Days, id = as.integer(as.character(sleep$Subject)))
out$sleepstudy <- case(lm(Reaction ~ Days, sleep), sleep$Subject)
chick <- subset(as.data.frame(ChickWeight), Diet == 1); out$chickweight_data <- list(y = chick$weight, time = chick$Time, id = as.integer(as.character(chick$Chick)))
out$chickweight <- case(lm(weight ~ Time, chick), droplevels(chick$Chick), list(c("(Intercept)", "Time")), rbind(c(1, 10), c(0, 5)))
three <- rbind(c(1, 1, 0.3), c(0, 1, -1), c(1, 0.5, 0)); all3 <- list(c("arm", "baseline"), c("(Intercept)", "arm", "baseline"))
out$binomial <- case(glm(fall ~ arm + baseline, binomial, last, control = end), last$centre, all3, three)
out$binomial_weights <- case(suppressWarnings(glm(fall ~ arm + baseline, binomial, v, weights = w, control = end)), v$centre, all3, three)
out$binomial_patients <- case(glm(fall ~ arm + baseline, binomial, v, control = end), v$patient, all3, three)
out$poisson <- case(glm(count ~ arm * actual_month + baseline, poisson, v, control = end), v$centre, list(c("arm", "arm:actual_month"), c("arm", "actual_month", "baseline", "arm:actual_month")))
out$poisson_weights <- case(glm(count ~ arm + sex, poisson, v, weights = w, control = end), v$patient, list(c("arm", "sexM")))
out$gaussian <- case(lm(log2_ldh ~ arm * actual_month + baseline + sex, v), v$centre, list(c("arm", "arm:actual_month"), c("actual_month", "baseline", "sexM")))
out$gaussian_weights <- case(lm(log2_ldh ~ arm + baseline, v, weights = w), v$centre, all3, three)
out$gaussian_weights_patients <- case(lm(log2_ldh ~ arm + baseline, v, weights = w), v$patient, all3, three)
out$gaussian_centres <- case(lm(log2_ldh ~ arm + baseline + factor(centre), last), last$centre, list(c("arm", "baseline")))
out$gaussian_one <- case(lm(log2_ldh ~ arm + baseline + one, v), v$centre, list(c("arm", "baseline")))
out$gaussian_one_weights <- case(lm(log2_ldh ~ arm + baseline + one, v, weights = w), v$centre, list(c("arm", "baseline")))
out$binomial_one <- case(glm(fall ~ arm + baseline + one, binomial, v, control = end), v$centre, list(c("arm", "baseline")))
out$poisson_one <- case(glm(count ~ arm + baseline + one, poisson, v, control = end), v$centre, list(c("arm", "baseline")))
out$gaussian_rows <- case(lm(log2_ldh ~ arm + baseline, last), last$row, all3)
out$binomial_rows <- case(glm(fall ~ arm + baseline, binomial, last, control = end), last$row, all3)
fine <- geese.control(epsilon = 1e-13, maxit = 2000)
gee <- function(formula, family, data, id, structure, waves = NULL) {
  data$.id <- data[[id]]; data$.waves <- if (is.null(waves)) ave(data$.id, data$.id, FUN = seq_along) else data[[waves]]
  m <- geeglm(formula, family, data, id = .id, waves = .waves, corstr = structure, control = fine); s <- summary(m)$coefficients
  list(term = rownames(s), estimate = s[, 1], std_err = s[, 2], correlation = if (structure == "independence") 0 else unname(m$geese$alpha), dispersion = unname(m$geese$gamma))
}
patterns <- unname(as.matrix(aggregate(n ~ smoke + r1 + r2 + r3 + r4, cbind(n = 1, smoke = ohio$smoke[ohio$age == -2], setNames(as.data.frame(matrix(ohio$resp, ncol = 4, byrow = TRUE)), paste0("r", 1:4))), sum)))
out$ohio_patterns <- patterns
out$gee_ohio <- gee(resp ~ age * smoke, binomial, ohio, "id", "exchangeable")
out$gee_exchangeable <- gee(fall ~ arm + baseline, binomial, last, "centre", "exchangeable")
out$gee_exchangeable_default <- { m <- geeglm(fall ~ arm + baseline, binomial, last, id = centre, corstr = "exchangeable"); s <- summary(m)$coefficients; list(estimate = s[, 1], std_err = s[, 2]) }
out$gee_independence <- gee(count ~ arm + baseline, poisson, v, "patient", "independence")
out$gee_poisson <- gee(count ~ arm + baseline, poisson, v, "patient", "exchangeable")
out$gee_gaussian <- gee(log2_ldh ~ arm * actual_month + baseline, gaussian, v, "patient", "exchangeable")
out$gee_ar1 <- gee(log2_ldh ~ arm * actual_month + baseline, gaussian, v, "patient", "ar1", "visit")
out$gee_ar1_binomial <- gee(fall ~ arm + actual_month, binomial, v, "patient", "ar1", "visit")
gap <- v[!(v$visit == 3 & v$patient %% 2 == 0), ]
out$gee_ar1_gaps <- gee(log2_ldh ~ arm * actual_month + baseline, gaussian, gap, "patient", "ar1", "visit")
out$versions <- lapply(c(R = "base", clubSandwich = "clubSandwich", geepack = "geepack", lme4 = "lme4"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE), file.path(folder, "clustered.json"))
