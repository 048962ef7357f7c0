/** As package.json says; a test holds them equal. */
export const operatorVersion = '0.1.0';
