# CR2 and Satterthwaite's degrees of freedom for survival.csv in a folder, as cox_clusters.json beside it.
#   Rscript cox_clusters.R FOLDER
# clubSandwich knows no coxph; the partial likelihood (Breslow ties) is that of a Poisson model with a parameter an event
# time on a row a person and event time, which it knows. About a minute.
# Packages: survival, clubSandwich, jsonlite.
suppressMessages({ library(survival); library(clubSandwich); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
s <- read.csv(file.path(folder, "survival.csv")); s$any <- as.integer(s$cause > 0)
times <- sort(unique(s$month[s$any == 1]))
rows <- survSplit(Surv(month, any) ~ ., s, cut = times); rows <- rows[rows$month %in% times, ]
g <- glm(any ~ arm + age + ild + factor(month), poisson, rows, control = glm.control(epsilon = 1e-12, maxit = 50))
k <- coef_test(g, vcov = "CR2", cluster = rows$centre, test = "Satterthwaite", coefs = 2:4)
plain <- coxph(Surv(month, any) ~ arm + age + ild, s, ties = "breslow", cluster = centre, control = coxph.control(eps = 1e-11))
out <- list(term = rownames(k), estimate = k$beta, std_err = k$SE, df = k$df_Satt, p = k$p_Satt, sandwich_std_err = unname(sqrt(diag(vcov(plain)))),
  versions = lapply(c(R = "base", survival = "survival", clubSandwich = "clubSandwich"), function(p) as.character(packageVersion(p))))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1), file.path(folder, "cox_clusters.json"))
