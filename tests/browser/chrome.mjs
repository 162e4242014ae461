// What all tests in Chromium begin with.
import { chromium } from "playwright-core";

/** The Worker that is tested. */
export const URL_ = process.env.URL ?? "http://localhost:8787";
/** Headless Chromium. */
export const chrome = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
