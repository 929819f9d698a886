# Reference numbers of probabilities of states, as multistate.json in a folder, with the data that they are computed
# from: states.csv (made here, without chance), mgus2.csv and myeloid.csv (data sets of R's survival package).
#   Rscript multistate.R FOLDER
# Packages: survival, jsonlite.
suppressMessages({ library(survival); library(jsonlite) })
folder <- commandArgs(TRUE)[1]
out <- list()

# --- states.csv: 120 persons, at most five intervals each, states that are visited again, late entries, ties -----------
# A multiplicative generator, so that the file is the same on every machine and in every version of R.
seed <- 20261124
draw <- function() { seed <<- (seed * 16807) %% 2147483647; seed / 2147483647 }
leave <- c(a = 0.10, b = 0.12, response = 0.07)
rows <- list()
for (person in 1:120) {
  state <- if (draw() < 0.6) "a" else if (draw() < 0.75) "b" else "response"
  entry <- if (draw() < 0.25) 0.5 * floor(draw() * 12) else 0
  end <- 6 + 0.5 * floor(draw() * 90)
  weight <- round(0.2 + draw(), 4)
  for (visit in 1:5) {
    month <- entry + 0.5 * (1 + floor(-2 * log(draw()) / leave[[state]]))
    u <- draw()
    to <- if (u < 0.15) "dead" else if (state == "a") { if (u < 0.5) "b" else "response" } else
      if (state == "b") { if (u < 0.35) "a" else "response" } else { if (u < 0.6) "a" else "b" }
    if (month > end || visit == 5) { month <- min(month, end); to <- "" }
    if (month <= entry) break
    rows[[length(rows) + 1]] <- data.frame(person = person, arm = person %% 2, entry = entry, month = month, state = state, to = to, weight = weight)
    if (to == "" || to == "dead") break
    entry <- month; state <- to
  }
}
s <- do.call(rbind, rows)
write.csv(s, file.path(folder, "states.csv"), row.names = FALSE, quote = FALSE)

# influence = TRUE: without it survfit 3.5.3 leaves the sampling of p(0) out of its standard errors.
fit <- function(s, weights = rep(1, nrow(s)), months) {
  names <- sort(unique(c(s$state, setdiff(s$to, ""))))
  s$event <- factor(s$to, levels = c("censored", names)); s$event[s$to == ""] <- "censored"; s$now <- factor(s$state, levels = names)
  s$w <- weights
  f <- survfit(Surv(entry, month, event) ~ 1, s, id = person, istate = now, weights = w, influence = TRUE)
  at <- findInterval(months, f$time)
  # p(0) and summary's mean times: their standard errors leave out that influences are to be multiplied by the weights.
  w <- s$w[match(dimnames(f$influence.pstate)[[1]], as.character(s$person))]
  mean <- function(h) { m <- summary(f, rmean = h)$table; width <- diff(pmin(c(0, f$time, Inf), h))
    moved <- apply(f$influence.pstate, c(1, 3), function(u) sum(u * width))
    list(horizon = h, mean = unname(m[, "rmean"]), std_err = unname(m[, "se(rmean)"]), weighted_std_err = sqrt(colSums((w * moved)^2))) }
  list(states = f$states, months = months, p0 = unname(f$p0), sp0 = sqrt(colSums((w * f$influence.pstate[, 1, ])^2)), pstate = f$pstate[at, ], std_err = f$std.err[at, ],
       mean_time = lapply(c(12, 30), mean), transitions = unname(unclass(f$transitions)[, colnames(f$transitions) != "(censored)"]))
}
months <- c(0.5, 1, 3, 6, 12, 18, 24, 36, 44)
out$delayed_entry <- fit(s, months = months)
out$delayed_entry_weighted <- fit(s, s$weight, months)
out$arm_0_weighted <- fit(s[s$arm == 0, ], s$weight[s$arm == 0], months)
from0 <- s[ave(s$entry, s$person, FUN = min) == 0, ]
out$from_the_origin <- fit(from0, months = months)

# --- published anchors ---------------------------------------------------------------------------------------------
# mgus2 (Kyle et al. 2002): plasma cell malignancy and death as competing first events (survival's vignette "compete").
m <- mgus2; m$etime <- ifelse(m$pstat == 0, m$futime, m$ptime); m$cause <- ifelse(m$pstat == 0, 2 * m$death, 1)
write.csv(m[, c("id", "sex", "etime", "cause")], file.path(folder, "mgus2.csv"), row.names = FALSE, quote = FALSE)
m$event <- factor(m$cause, 0:2, c("censored", "pcm", "death"))
competing <- function(d) { f <- survfit(Surv(etime, event) ~ 1, d, id = id, influence = TRUE); k <- summary(f, times = c(12, 60, 120, 240))
  r <- summary(f, rmean = 240)$table
  list(states = f$states, months = k$time, pstate = k$pstate, std_err = k$std.err, mean = unname(r[, "rmean"]), mean_std_err = unname(r[, "se(rmean)"])) }
out$mgus2 <- list(F = competing(m[m$sex == "F", ]), M = competing(m[m$sex == "M", ]))
# myeloid (simulated after a trial in acute myeloid leukaemia): remission, transplant, relapse, death (vignette "survival", 2.3).
d <- tmerge(myeloid[, c("id", "trt")], myeloid, id = id, death = event(futime, death), sct = event(txtime), cr = event(crtime), relapse = event(rltime))
d <- tmerge(d, d, id, enum = cumtdc(tstart))
d$event <- with(d, factor(cr + 2 * sct + 4 * relapse + 8 * death, c(0, 1, 2, 4, 8), c("censored", "CR", "SCT", "relapse", "death")))
d <- d[!is.na(d$event), ]
write.csv(with(d, data.frame(id, trt, tstart, tstop, event = ifelse(event == "censored", "", as.character(event)))),
          file.path(folder, "myeloid.csv"), row.names = FALSE, quote = FALSE)
sequence <- function(d) { f <- survfit(Surv(tstart, tstop, event) ~ 1, d, id = id, influence = TRUE); k <- summary(f, times = c(180, 365, 730, 1460))
  r <- summary(f, rmean = 1461)$table
  list(states = f$states, days = k$time, pstate = k$pstate, std_err = k$std.err, mean = unname(r[, "rmean"]), mean_std_err = unname(r[, "se(rmean)"])) }
out$myeloid <- list(A = sequence(d[d$trt == "A", ]), B = sequence(d[d$trt == "B", ]))

out$versions <- lapply(c(R = "base", survival = "survival"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = 1, na = "null", null = "null"), file.path(folder, "multistate.json"))
