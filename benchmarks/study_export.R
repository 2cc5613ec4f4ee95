# A study's exports analysed by R alone, to hold against what usnet says of the same readings.
#
#   Rscript benchmarks/study_export.R report/exports > numbers.csv
#
# Needs base R and pROC. Writes lines of name, group, value: AUC of each reader and arm (pROC, DeLong), sensitivity and specificity,
# kappa between the first and the repeated reading (from the table of counts), Fleiss' kappa of the readers, and the comparison of the
# arms by Obuchowski and Rockette (mean squares from base R's aov, covariances from pROC's, Hillis' degrees of freedom).

suppressPackageStartupMessages(library(pROC))
folder <- commandArgs(trailingOnly = TRUE)[1]
long <- read.csv(file.path(folder, "readings.csv"), stringsAsFactors = FALSE)
people <- long[long$kind == "reader", ]
test <- people[people$use == "test", ]
say <- function(name, group, value) cat(sprintf("%s,%s,%.10g\n", name, group, value))
cat("name,group,value\n")

readers <- sort(unique(test$reader))
arms <- unique(test$modality)
curves <- list()
for (arm in arms) for (who in readers) {
  own <- test[test$modality == arm & test$reader == who, ]
  own <- own[order(own$case), ]
  curve <- roc(own$truth, own$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
  curves[[paste(arm, who)]] <- curve
  say("auc", paste(arm, who), as.numeric(auc(curve)))
  called <- own$decision == "malignant"
  say("sensitivity", paste(arm, who), mean(called[own$truth == 1]))
  say("specificity", paste(arm, who), mean(!called[own$truth == 0]))
}

kappa2 <- function(counts) {
  counts <- counts / sum(counts)
  by_chance <- sum(rowSums(counts) * colSums(counts))
  (sum(diag(counts)) - by_chance) / (1 - by_chance)
}
again <- people[people$use == "repeat", ]
values <- c("benign", "malignant")
for (arm in arms) {
  pairs <- merge(test[test$modality == arm, ], again[again$modality == arm, ], by = c("reader", "period", "case"))
  counts <- table(factor(pairs$decision.x, values), factor(pairs$decision.y, values))
  if (nrow(pairs) > 1) say("kappa repeats", arm, kappa2(counts))
  own <- test[test$modality == arm, ]
  votes <- table(own$case, factor(own$decision, values))
  n <- length(readers)
  agree <- mean((rowSums(votes^2) - n) / (n * (n - 1)))
  chance <- sum((colSums(votes) / sum(votes))^2)
  say("kappa readers", arm, (agree - chance) / (1 - chance))
}

if (length(arms) == 2) {
  r <- length(readers)
  grid <- expand.grid(reader = readers, arm = arms, stringsAsFactors = FALSE)
  grid$auc <- mapply(function(a, w) as.numeric(auc(curves[[paste(a, w)]])), grid$arm, grid$reader)
  squares <- summary(aov(auc ~ factor(arm) + factor(reader), data = grid))[[1]][["Mean Sq"]]
  ms_t <- squares[1]
  ms_tr <- squares[3]
  pair <- function(a, v, b, w) cov(curves[[paste(a, v)]], curves[[paste(b, w)]])
  cov2 <- mean(unlist(lapply(arms, function(a) combn(readers, 2, function(w) pair(a, w[1], a, w[2])))))
  cov3 <- mean(unlist(lapply(readers, function(v) sapply(setdiff(readers, v), function(w) pair(arms[1], v, arms[2], w)))))
  below <- ms_tr + max(r * (cov2 - cov3), 0)
  df <- below^2 / (ms_tr^2 / (r - 1))
  means <- tapply(grid$auc, grid$arm, mean)[arms]
  se <- sqrt(2 * below / r)
  say("arm mean", arms[1], means[1])
  say("arm mean", arms[2], means[2])
  say("difference", "OR", means[1] - means[2])
  say("standard error", "OR", se)
  say("df", "OR", df)
  say("p", "OR", pf(ms_t / below, 1, df, lower.tail = FALSE))
}
