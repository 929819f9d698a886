# Reference numbers of repeated measures for visits.csv in a folder, and of Orthodont, as mmrm.json beside it.
#   Rscript mmrm.R FOLDER
# Packages: nlme, jsonlite. nlme has no Toeplitz correlation; an autoregression of the highest order is one.
suppressMessages({ library(nlme); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
v <- read.csv(file.path(folder, "visits.csv"))
v$patient <- factor(v$patient); v$visit_f <- factor(v$visit); v$armf <- factor(v$arm)
v <- v[order(v$patient, v$visit), ]
control <- glsControl(maxIter = 500, msMaxIter = 2000, tolerance = 1e-12, msTol = 1e-14, msVerbose = FALSE, opt = "nlminb")
each <- varIdent(form = ~ 1 | visit_f)
kinds <- list(
  us = list(corSymm(form = ~ visit | patient), each), toeph = list(corARMA(form = ~ visit | patient, p = 4, value = c(0.4, 0.2, 0.1, 0.1)), each),
  ar1h = list(corAR1(0.5, form = ~ visit | patient), each), csh = list(corCompSymm(0.5, form = ~ visit | patient), each),
  toep = list(corARMA(form = ~ visit | patient, p = 4, value = c(0.4, 0.2, 0.1, 0.1)), NULL),
  ar1 = list(corAR1(0.5, form = ~ visit | patient), NULL), cs = list(corCompSymm(0.5, form = ~ visit | patient), NULL))
fit <- function(formula, data, kind, method = "REML")
  do.call(gls, list(formula, data, correlation = kinds[[kind]][[1]], weights = kinds[[kind]][[2]], method = method, control = control))
numbers <- function(m) list(term = names(coef(m)), estimate = unname(coef(m)), std_error = unname(sqrt(diag(vcov(m)))), log_likelihood = as.numeric(logLik(m)))
out <- list(); full <- log2_ldh ~ armf * visit_f + baseline + sex
for (kind in names(kinds)) for (method in c("REML", "ML")) {
  m <- fit(full, v, kind, method)
  out[[paste(kind, tolower(method), sep = "_")]] <- numbers(m)
  if (method == "REML") out[[paste0(kind, "_by_arm")]] <- lapply(split(v, v$armf), function(own) numbers(fit(log2_ldh ~ visit_f + baseline, own, kind)))
  if (kind == "cs" && method == "REML") out$cs_normalized_sum <- sum(residuals(m, type = "normalized")^2)
}
ratio <- function(a, b) { t <- anova(a, b); list(chi_square = t$L.Ratio[2], df = t$df[2] - t$df[1], p = t$`p-value`[2]) }
out$ratio_cs_us <- ratio(fit(full, v, "cs"), fit(full, v, "us"))
out$ratio_arm <- ratio(fit(log2_ldh ~ visit_f + baseline + sex, v, "us", "ML"), fit(full, v, "us", "ML"))
o <- as.data.frame(Orthodont); o <- o[order(as.character(o$Subject), o$age), c("Subject", "Sex", "age", "distance")]
m <- gls(distance ~ Sex * factor(age), o, correlation = corSymm(form = ~ 1 | Subject), weights = varIdent(form = ~ 1 | age), control = control)
out$orthodont <- numbers(m)
out$versions <- lapply(c(R = "base", nlme = "nlme"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = TRUE, na = "null", null = "null"), file.path(folder, "mmrm.json"))
